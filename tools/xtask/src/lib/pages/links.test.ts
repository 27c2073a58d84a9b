// Tests that every link between pages leads to an existing file and heading.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { repositoryPath } from "@waggle/testing/harness";
import { describe, expect, it } from "vitest";

describe("links", () => {
  it("are found outside of code, with the headings after #", () => {
    const page = "[a](b.md#c-d) and [e](https://f) and [g](#h)\n```sh\necho [i](j)\n```\n![k](l.png)";
    expect(linksOf(page)).toEqual([
      { path: "b.md", heading: "c-d" },
      { path: "", heading: "h" },
      { path: "l.png", heading: undefined },
    ]);
  });

  it("lead to headings by the anchors that GitHub makes", () => {
    const page = "# A `b` & [c](d), e_f\n```sh\n# no heading\n```\n## What was tried?";
    expect([...headingsOf(page)]).toEqual(["a-b--c-e_f", "what-was-tried"]);
  });
});

const pages = pagesBelow("");

it.each(pages)("%s links to what there is", (path) => {
  const page = read(path);
  const dead = linksOf(page).filter((link) => {
    const target = link.path === "" ? path : join(dirname(path), link.path);
    if (!existsSync(repositoryPath(target))) return true;
    return link.heading !== undefined && target.endsWith(".md") && !headingsOf(read(target)).has(link.heading);
  });
  expect(dead).toEqual([]);
});

/** All Markdown files of the repository, except in folders of tools, builds and installs. */
function pagesBelow(folder: string): string[] {
  return readdirSync(repositoryPath(folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return /^(\.|node_modules$|dist$)/.test(entry.name) ? [] : pagesBelow(path);
    return entry.name.endsWith(".md") ? [path] : [];
  });
}

function read(path: string): string {
  return readFileSync(repositoryPath(path), "utf8");
}

/** A link to a file of this repository: the path as the page writes it, and the heading after #. */
interface PageLink {
  readonly path: string;
  readonly heading: string | undefined;
}

function linksOf(page: string): readonly PageLink[] {
  const found = Array.from(withoutCode(page).matchAll(/\]\(([^)\s]+)\)/g), ([, target = ""]) => target);
  return found
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [path = "", heading] = target.split("#");
      return { path, heading };
    });
}

/**
 * Anchors of a page's headings by GitHub's rule: lower case, blanks become hyphens, all characters but letters, digits, hyphens and
 * underscores are removed.
 */
function headingsOf(page: string): ReadonlySet<string> {
  const headings = withoutCode(page).matchAll(/^#+ (.+)$/gm);
  return new Set(Array.from(headings, ([, heading = ""]) => anchorOf(heading)));
}

function anchorOf(heading: string): string {
  const text = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1");
  return text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}_ -]/gu, "")
    .replaceAll(" ", "-");
}

function withoutCode(page: string): string {
  return page.replaceAll(/^ *```.*?^ *```$/gms, "");
}
