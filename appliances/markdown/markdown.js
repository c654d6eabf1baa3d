#!/usr/bin/node
// Makes HTML of the Markdown that a request has as its body.
const http = require("http");
const { marked } = require("marked");

const limit = 1 << 20;

http.createServer((request, response) => {
	const parts = [];
	let size = 0;

	request.on("data", (part) => {
		size += part.length;
		if (size <= limit)
			parts.push(part);
	});
	request.on("end", () => {
		const known = request.method === "POST";
		const fits = size <= limit;

		response.statusCode = !known ? 405 : fits ? 200 : 413;
		response.setHeader("Content-Type", known && fits ? "text/html; charset=utf-8" : "text/plain");
		response.end(!known ? "POST some Markdown\n" : fits ? marked.parse(Buffer.concat(parts).toString())
			: "At most 1 MiB\n");
	});
}).listen(8000, "127.0.0.1");
