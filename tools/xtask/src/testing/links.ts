// Finds the files and headings to which the links of a page lead. Pure.

/** A link to a file of this repository: the path as the page writes it, and the heading after #. */
export interface PageLink {
  readonly path: string;
  readonly heading: string | undefined;
}

export function linksOf(page: string): readonly PageLink[] {
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
export function headingsOf(page: string): ReadonlySet<string> {
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
