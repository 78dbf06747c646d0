// SPDX-License-Identifier: Apache-2.0
// node dev.mjs [PACKAGES]: the portal from its sources for those who work on it, on http://127.0.0.1:5173, before the server
// at FAIRWAY_URL (http://127.0.0.1:3001). Bundles anew at each load of a page when a source has changed.
import { readFileSync, readdirSync, statSync } from "node:fs";
import { createServer, request } from "node:http";
import { tmpdir } from "node:os";
import { dirname, extname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "./bundle.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const packages = resolve(process.argv[2] ?? join(here, "../build/npm-page"));
const server = new URL(process.env.FAIRWAY_URL ?? "http://127.0.0.1:3001");
const port = Number(process.env.PORT ?? 5173);
const dist = join(tmpdir(), `fairway-portal-${process.pid}`);
const TYPES = { ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2", ".txt": "text/plain" };

const newest = (folder) => Math.max(0, ...readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.name !== "pages.gen.ts")
  .map((entry) => (entry.isDirectory() ? newest(join(folder, entry.name)) : statSync(join(folder, entry.name)).mtimeMs)));
let built = 0;
let busy = Promise.resolve();
async function fresh() {
  const now = newest(join(here, "src"));
  if (now > built) {
    await bundle(dist, packages, { minify: process.env.MINIFY === "1" });
    built = now;
  }
}

function pass(from, to) {
  const headers = { ...from.headers, host: server.host };
  if (headers.origin) headers.origin = server.origin;
  const onward = request(new URL(from.url, server), { method: from.method, headers }, (answer) => {
    to.writeHead(answer.statusCode, answer.headers);
    answer.pipe(to);
  });
  onward.on("error", () => { if (!to.headersSent) to.writeHead(502); to.end(); });
  to.on("close", () => onward.destroy());
  from.pipe(onward);
}

createServer(async (incoming, answer) => {
  const { pathname } = new URL(incoming.url, "http://localhost");
  if (/^\/(api|metrics|\.)/.test(pathname)) return pass(incoming, answer);
  try {
    if (pathname.startsWith("/assets/")) {
      const name = pathname.slice("/assets/".length);
      if (!/^[\w.-]+$/.test(name)) throw new Error("no such file");
      answer.writeHead(200, { "Content-Type": TYPES[extname(name)] ?? "application/octet-stream" });
      return answer.end(readFileSync(join(dist, name)));
    }
    busy = busy.then(fresh, fresh);
    await busy;
    const me = await fetch(new URL("/api/auth/me", server), { headers: { cookie: incoming.headers.cookie ?? "" } }).catch(() => null);
    const boot = { me: me?.ok ? await me.json() : null, development: true, version: "development", answers: {} };
    const html = readFileSync(join(dist, "index.html"), "utf8").replaceAll("{{nonce}}", "development").replace("{{title}}", "Fairway").replace("{{content}}", "")
      .replace("{{boot}}", () => JSON.stringify(boot).replaceAll("<", "\\u003c"));
    answer.writeHead(200, { "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store" });
    answer.end(html);
  } catch (cause) {
    answer.writeHead(404, { "Content-Type": "text/plain" });
    answer.end(String(cause));
  }
}).listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${port} before ${server.origin}`));
