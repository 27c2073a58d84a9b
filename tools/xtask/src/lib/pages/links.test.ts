// Tests that every link between pages leads to an existing file and heading.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { repositoryPath } from "@waggle/testing/harness";
import { describe, expect, it } from "vitest";
import { headingsOf, linksOf } from "../../testing/links.ts";

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
