// Owns the build of the pages: one entry per page, no inline code, and files that are compressed here and not while serving.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

/**
 * Larger files are compressed at less than the best quality, which would take most of the build's time and save a tenth of their size. The pages
 * load these files only on demand.
 */
const largeBytes = 256 * 1024;

export default defineConfig({
  root: import.meta.dirname,
  resolve: { conditions: ["module", "browser", "production"] },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rolldownOptions: {
      input: ["chat.html", "hive.html", "status.html", "reference.html"],
      checks: { bundlerTimings: false },
    },
  },
  worker: { format: "es" },
  plugins: [compressed()],
  logLevel: "warn",
});

/** Writes `x.br` and `x.gz` for each file `x`. */
function compressed(): Plugin {
  return {
    name: "compressed",
    apply: "build",
    writeBundle({ dir = "dist" }) {
      const files = readdirSync(dir, { recursive: true, encoding: "utf8" });
      for (const file of files.filter((name) => /\.(html|js|css|svg)$/.test(name))) {
        const bytes = readFileSync(join(dir, file));
        const params = {
          [constants.BROTLI_PARAM_SIZE_HINT]: bytes.byteLength,
          [constants.BROTLI_PARAM_QUALITY]: bytes.byteLength > largeBytes ? 9 : constants.BROTLI_MAX_QUALITY,
        };
        writeFileSync(join(dir, `${file}.br`), brotliCompressSync(bytes, { params }));
        writeFileSync(join(dir, `${file}.gz`), gzipSync(bytes, { level: constants.Z_BEST_COMPRESSION }));
      }
    },
  };
}
