// SPDX-License-Identifier: Apache-2.0
// Bundles the portal with esbuild; build.mjs embeds what it makes, dev.mjs serves it.
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { generate } from "./pages.mjs";

const here = dirname(fileURLToPath(import.meta.url));

/** Leaves index.html and the assets in dist; packages has node_modules. Gives the pages and what the first load consists of. */
export async function bundle(dist, packages, { minify = true } = {}) {
  const { build } = createRequire(join(packages, "package.json"))("esbuild");
  const pages = generate();
  rmSync(dist, { recursive: true, force: true });
  mkdirSync(dist, { recursive: true });
  const { metafile } = await build({
    absWorkingDir: here,
    entryPoints: ["src/main.tsx", "src/theme.ts", "src/icon.svg"],
    outdir: dist,
    bundle: true,
    splitting: true,
    format: "esm",
    minify,
    metafile: true,
    jsx: "automatic",
    define: { "process.env.NODE_ENV": minify ? '"production"' : '"development"' },
    target: ["es2022", "chrome110", "firefox110", "safari16"],
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
    assetNames: "[name]-[hash]",
    loader: { ".woff2": "file", ".svg": "copy" },
    legalComments: "none",
    logLevel: "warning",
  });

  // The hash of a name changes with the content, so browsers may keep what they have for ever.
  const outputs = Object.entries(metafile.outputs);
  const [main] = outputs.find(([, output]) => output.entryPoint === "src/main.tsx");
  const first = new Set();
  const follow = (name) => {
    if (first.has(name)) return;
    first.add(name);
    for (const { path, kind } of metafile.outputs[name].imports) if (kind === "import-statement" && metafile.outputs[path]) follow(path);
  };
  follow(main);
  const names = readdirSync(dist).sort();
  const named = (start, extension) => {
    const found = names.filter((name) => name.startsWith(start) && extname(name) === extension);
    if (found.length !== 1) throw new Error(`expected one ${start}*${extension}, found: ${found}`);
    return `/assets/${found[0]}`;
  };
  const html = readFileSync(join(here, "src/index.html"), "utf8").replace(/\[\[([\w.-]+)\]\]/g, (_, name) => {
    if (name === "inter.woff2") return named("inter-latin-wght", ".woff2");
    if (name === "chunks") return [...first].filter((chunk) => chunk !== main).map((chunk) => `<link rel="modulepreload" href="/assets/${basename(chunk)}">`).join("\n");
    return named(basename(name, extname(name)) + "-", extname(name));
  });
  writeFileSync(join(dist, "index.html"), html);
  writeFileSync(join(dist, "licences.txt"), licences(metafile));
  return { pages, names, first: [...first].map((chunk) => basename(chunk)) };
}

/** The licence of every package of which something was bundled. */
function licences(metafile) {
  const found = new Set();
  for (const input of Object.keys(metafile.inputs)) {
    const match = /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(input);
    if (match) found.add(input.slice(0, match.index + match[0].length - 1));
  }
  const texts = [...found].sort().map((path) => {
    const folder = join(here, path);
    const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    return `${name} ${version} (${license})\n\n${file ? readFileSync(join(folder, file), "utf8") : "The package has no text of its licence."}`;
  });
  return texts.join("\n\n");
}
