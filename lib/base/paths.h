/* SPDX-License-Identifier: MIT */
/*
 * Where things are. Everything that Atoll keeps is below one state folder:
 *
 *	$ATOLL_ROOT, else /var/lib/atoll for root, else $XDG_STATE_HOME/atoll or ~/.local/state/atoll
 *	  store/                 appliances: an OCI image layout (lib/image)
 *	  cache/                 downloads of the builder; may be deleted at any time
 *	  ledger.db              the daemon's database
 *	  keys/NAME.pub          whose signatures are trusted
 *	  atolld.sock            the API
 *	  machines/FED/NAME/     config, control, console.log, exit, volumes/ of a machine
 */
#ifndef ATOLL_PATHS_H
#define ATOLL_PATHS_H

/* The state folder; the string lives as long as the process. */
const char *paths_state(void);

/* "STATE/NAME"; the caller frees. */
char *paths_in_state(const char *name);

/*
 * The path of one of our own programs ("atoll-monitor"): beside the running one when it is there
 * (the build folder), else in $ATOLL_LIBEXEC or the libexec folder it was installed to. The caller
 * frees.
 */
char *paths_program(const char *name);

/* A file or folder of our data (appliances/…): in the source tree of a build folder, else DATADIR.
 */
char *paths_data(const char *name);

#endif
