/* SPDX-License-Identifier: MIT */
/*
 * What functions of widespread libraries read, beside the C library's in closure_rules.c: fonts, caches
 * (caches.c), plugins of other packages. Their paths are put together at run time, so no string says
 * them; and what such a library could do does not count, but what is called.
 */
#include "closure_internal.h"
#include "mem.h"
#include "str.h"

static const struct reader {
	const char *const functions[6], *const paths[4];
	const char *missing; /* to be said when there is nothing at the last path; or NULL */
} readers[] = {
	{ { "FcInit", "FcInitLoadConfigAndFonts", "FcFontMatch", "FcFontSort" },
	  { "/etc/fonts/fonts.conf", "/etc/fonts/conf.d/**", "/usr/share/fonts/**" },
	  "looks for fonts, and there is none; add a package of fonts, such as fonts-dejavu-core" },
	{ { "g_content_type_guess", "g_content_type_from_mime_type", "g_content_type_is_a",
	    "_ZN13QMimeDatabaseC1Ev" },
	  { "/usr/share/mime/mime.cache" },
	  NULL },
	{ { "g_settings_new", "g_settings_new_full", "g_settings_schema_source_get_default" },
	  { "/usr/share/glib-2.0/schemas/gschemas.compiled" },
	  NULL },
	{ { "g_tls_backend_get_default", "g_tls_client_connection_new",
	    "g_tls_certificate_new_from_pem", "g_tls_certificate_new_from_file" },
	  { "/usr/lib/*/gio/modules/*.so" },
	  NULL },
	{ { "gdk_pixbuf_loader_new", "gdk_pixbuf_new_from_file", "gdk_pixbuf_new_from_stream",
	    "gdk_pixbuf_new_from_resource", "gdk_pixbuf_get_formats" },
	  { "/usr/lib/*/gdk-pixbuf-2.0/*/loaders/*.so" },
	  NULL },
	/* Qt's, by their C++ names: QApplication, QGuiApplication; QNetworkAccessManager, QSslSocket */
	{ { "_ZN12QApplicationC1ERiPPci", "_ZN15QGuiApplicationC1ERiPPci" },
	  { "/usr/lib/*/qt[56]/plugins/platforms/*.so",
	    "/usr/lib/*/qt[56]/plugins/imageformats/*.so",
	    "/usr/lib/*/qt[56]/plugins/iconengines/*.so" },
	  NULL },
	{ { "_ZN21QNetworkAccessManagerC1EP7QObject", "_ZN10QSslSocketC1EP7QObject" },
	  { "/usr/lib/*/libssl.so.3" },
	  NULL },
	{ { "gtk_icon_theme_load_icon", "gtk_image_new_from_icon_name",
	    "gtk_image_set_from_icon_name", "gtk_button_new_from_icon_name" },
	  { "/usr/share/icons/hicolor/**", "/usr/share/icons/Adwaita/**" },
	  NULL },
};

static const char *called(const struct reader *r, char *const *imports)
{
	for (size_t i = 0; i < ARRAY_SIZE(r->functions) && r->functions[i]; i++)
		if (strv_has(imports, r->functions[i]))
			return r->functions[i];
	return NULL;
}

static bool need_paths(struct closure *c, const struct reader *r, const struct tree_node *by,
		       const char *function)
{
	size_t found = 0;

	for (size_t i = 0; i < ARRAY_SIZE(r->paths) && r->paths[i]; i++)
		/* What a plugin itself needs may be missing. */
		found = closure_need_glob(
			c, r->paths[i],
			str_ends(r->paths[i], ".so") ? REASON_PLUGIN : REASON_SYMBOL, by, function);
	return found > 0;
}

void closure_functions(struct closure *c, char *const *imports, const struct tree_node *by)
{
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
		const char *function = called(&readers[i], imports);

		if (!function || need_paths(c, &readers[i], by, function) || !readers[i].missing ||
		    c->said_missing & 1U << i)
			continue;
		c->said_missing |= 1U << i;
		strv_take(c->notes, xasprintf("/%s %s", by->path, readers[i].missing));
	}
}
