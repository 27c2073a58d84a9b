// Builds the pages before the first unit test, if there is no build: some of these tests ask a server for a page, and do not mind an old one.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pagesFolder, setup as buildPages } from "./build-pages.ts";

export async function setup(): Promise<void> {
  if (!existsSync(join(pagesFolder, "dist"))) await buildPages();
}
