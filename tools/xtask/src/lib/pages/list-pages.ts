// Lists the pages that `check docs` follows.
import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { repositoryPath } from "@waggle/testing/harness";

export interface Page {
  /** The page's name on the command line. */
  readonly name: string;
  readonly path: string;
}

export const readme: Page = { name: "readme", path: "README.md" };

/** README.md, the quickstarts, and the pages next to them that have marks. */
export function listPages(): readonly Page[] {
  const marked = pagesIn("docs").filter(({ path }) =>
    readFileSync(repositoryPath(path), "utf8").includes("<!-- check: "),
  );
  return [readme, ...pagesIn("docs/quickstart"), ...marked];
}

function pagesIn(folder: string): readonly Page[] {
  const files = readdirSync(repositoryPath(folder)).filter((file) => file.endsWith(".md"));
  return files.toSorted().map((file) => ({ name: basename(file, ".md"), path: `${folder}/${file}` }));
}
