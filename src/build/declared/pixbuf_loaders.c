/* SPDX-License-Identifier: MIT */
/*
 * What gdk-pixbuf-query-loaders(1) writes about each loader of images in Debian: name, kind and licence;
 * MIME types; ends of file names; what files begin with. test_caches.c compares with the program.
 */
#include <stddef.h>

#include "caches.h"
#include "mem.h"
#include "str.h"

/* clang-format off: a line for each of its lines */
static const struct {
	const char *file, *lines;
} loaders[] = {
	{ "libpixbufloader-ani.so",
	  "\"ani\" 4 \"gdk-pixbuf\" \"Windows animated cursor\" \"LGPL\"\n"
	  "\"application/x-navi-animation\" \"\"\n"
	  "\"ani\" \"\"\n"
	  "\"RIFF    ACON\" \"    xxxx    \" 100\n" },
	{ "libpixbufloader-avif.so", "\"avif\" 5 \"gdk-pixbuf\" \"AV1 Image File Format\" \"BSD\"\n"
				     "\"image/avif\" \"\"\n"
				     "\"avif\" \"\"\n"
				     "\"    ftypavif\" \"zzz         \" 100\n" },
	{ "libpixbufloader-bmp.so", "\"bmp\" 5 \"gdk-pixbuf\" \"BMP\" \"LGPL\"\n"
				    "\"image/bmp\" \"image/x-bmp\" \"image/x-MS-bmp\" \"\"\n"
				    "\"bmp\" \"\"\n"
				    "\"BM\" \"\" 100\n" },
	{ "libpixbufloader-gif.so", "\"gif\" 4 \"gdk-pixbuf\" \"GIF\" \"LGPL\"\n"
				    "\"image/gif\" \"\"\n"
				    "\"gif\" \"\"\n"
				    "\"GIF8\" \"\" 100\n" },
	{ "libpixbufloader-heif.so",
	  "\"heif/avif\" 4 \"pixbufloader-heif\" \"HEIF/AVIF Image\" \"LGPL3\"\n"
	  "\"image/heif\" \"image/heic\" \"image/avif\" \"\"\n"
	  "\"heif\" \"heic\" \"avif\" \"\"\n"
	  "\"    ftyp\" \"xxxx    \" 100\n" },
	{ "libpixbufloader-icns.so", "\"icns\" 4 \"gdk-pixbuf\" \"MacOS X icon\" \"GPL\"\n"
				     "\"image/x-icns\" \"\"\n"
				     "\"icns\" \"\"\n"
				     "\"icns\" \"\" 100\n" },
	{ "libpixbufloader-ico.so",
	  "\"ico\" 5 \"gdk-pixbuf\" \"Windows icon\" \"LGPL\"\n"
	  "\"image/x-icon\" \"image/x-ico\" \"image/x-win-bitmap\" \"image/vnd.microsoft.icon\" "
	  "\"application/ico\" \"image/ico\" \"image/icon\" \"text/ico\" \"\"\n"
	  "\"ico\" \"cur\" \"\"\n"
	  "\"  \\001   \" \"zz znz\" 100\n"
	  "\"  \\002   \" \"zz znz\" 100\n" },
	{ "libpixbufloader-pnm.so",
	  "\"pnm\" 4 \"gdk-pixbuf\" \"PNM/PBM/PGM/PPM\" \"LGPL\"\n"
	  "\"image/x-portable-anymap\" \"image/x-portable-bitmap\" \"image/x-portable-graymap\" "
	  "\"image/x-portable-pixmap\" \"\"\n"
	  "\"pnm\" \"pbm\" \"pgm\" \"ppm\" \"\"\n"
	  "\"P1\" \"\" 100\n"
	  "\"P2\" \"\" 100\n"
	  "\"P3\" \"\" 100\n"
	  "\"P4\" \"\" 100\n"
	  "\"P5\" \"\" 100\n"
	  "\"P6\" \"\" 100\n" },
	{ "libpixbufloader-qtif.so", "\"qtif\" 4 \"gdk-pixbuf\" \"QuickTime\" \"LGPL\"\n"
				     "\"image/x-quicktime\" \"image/qtif\" \"\"\n"
				     "\"qtif\" \"qif\" \"\"\n"
				     "\"abcdidsc\" \"xxxx    \" 100\n"
				     "\"abcdidat\" \"xxxx    \" 100\n" },
	{ "libpixbufloader-svg.so",
	  "\"svg\" 6 \"gdk-pixbuf\" \"Scalable Vector Graphics\" \"LGPL\"\n"
	  "\"image/svg+xml\" \"image/svg\" \"image/svg-xml\" \"image/vnd.adobe.svg+xml\" "
	  "\"text/xml-svg\" \"image/svg+xml-compressed\" \"\"\n"
	  "\"svg\" \"svgz\" \"svg.gz\" \"\"\n"
	  "\" <svg\" \"*    \" 100\n"
	  "\" <!DOCTYPE svg\" \"*             \" 100\n" },
	{ "libpixbufloader-tga.so", "\"tga\" 4 \"gdk-pixbuf\" \"Targa\" \"LGPL\"\n"
				    "\"image/x-tga\" \"\"\n"
				    "\"tga\" \"targa\" \"\"\n"
				    "\" \\001\\001\" \"x  \" 100\n"
				    "\" \\001\\t\" \"x  \" 100\n"
				    "\"  \\002\" \"xz \" 99\n"
				    "\"  \\003\" \"xz \" 100\n"
				    "\"  \\n\" \"xz \" 100\n"
				    "\"  \\v\" \"xz \" 100\n" },
	{ "libpixbufloader-tiff.so", "\"tiff\" 5 \"gdk-pixbuf\" \"TIFF\" \"LGPL\"\n"
				     "\"image/tiff\" \"\"\n"
				     "\"tiff\" \"tif\" \"\"\n"
				     "\"MM *\" \"  z \" 100\n"
				     "\"II* \" \"   z\" 100\n"
				     "\"II* \\020   CR\\002 \" \"   z zzz   z\" 0\n" },
	{ "libpixbufloader-webp.so",
	  "\"webp\" 5 \"gdk-pixbuf\" \"The WebP image format\" \"LGPL\"\n"
	  "\"image/webp\" \"audio/x-riff\" \"\"\n"
	  "\"webp\" \"\"\n"
	  "\"RIFFsizeWEBP\" \"    xxxx    \" 100\n" },
	{ "libpixbufloader-xbm.so", "\"xbm\" 4 \"gdk-pixbuf\" \"XBM\" \"LGPL\"\n"
				    "\"image/x-xbitmap\" \"\"\n"
				    "\"xbm\" \"\"\n"
				    "\"#define \" \"\" 100\n"
				    "\"/*\" \"\" 50\n" },
	{ "libpixbufloader-xpm.so", "\"xpm\" 4 \"gdk-pixbuf\" \"XPM\" \"LGPL\"\n"
				    "\"image/x-xpixmap\" \"\"\n"
				    "\"xpm\" \"\"\n"
				    "\"/* XPM */\" \"\" 100\n" },
};
/* clang-format on */

const char *caches_pixbuf_loader(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(loaders); i++)
		if (str_eq(loaders[i].file, name))
			return loaders[i].lines;
	return NULL;
}
