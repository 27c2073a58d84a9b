// Owns where the links of a page lead: to which other pages, and to which of their headings. Pure.

/** What a page links to in this repository: a path as it is written, and the heading after #. */
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

/** As GitHub names the headings of a page: in small letters, blanks as hyphens, without what is no letter, digit, hyphen or underscore. */
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
