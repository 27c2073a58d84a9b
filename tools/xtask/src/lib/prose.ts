// Owns the list of words and phrases that our prose avoids. The search covers comments and string literals of code, and every line of other texts.

/** Each row: a pattern, and what to write instead. */
const avoided: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/\bbesides?\b/i, "next to, with, and also"],
  [/\bof (?:its|their|our|your|his|her|one's) own\b/i, "its, separate"],
  [/\bwhoever\b/i, "name the person or the thing"],
  [/\bwho(?:ever)? wants\b/i, "to do x, do y"],
  [/\bnobody\b/i, "no client, no reader, no one"],
  [/\b(?:is|are|was|were) none\b/i, "there is no x"],
  [/\btold\b/i, "sent, reported, learned"],
  [/\b(?:said|heard|hears|spoken)\b/i, "sent, received, produced, wrote"],
  [/\banswers? on\b/i, "keeps answering"],
  [/\b(?:comes?|came) to nothing\b/i, "fails"],
  [/\b(?:takes?|took|taking) the place of\b/i, "replaces"],
  [/\b(?:stands?|stood) (?:for|in|at|on|below|above|behind|there|here)\b/i, "means, is in"],
  [/\b(?:lies|lay) (?:in|at|on|below|with|behind|there)\b/i, "is in"],
  [/\b(?:goes|went|go) on\b/i, "continues"],
];

/** Code, of which only comments and string literals are read. */
const code = /\.(?:tsx?|js|cc|h|css)$/;
/** Other texts, which are read whole: their comments, messages and docstrings. */
const otherTexts =
  /(?:\.(?:md|html|ya?ml|sh|py|conf|service|git\w+|npmrc)|\.ci\/run|Containerfile|Dockerfile|requirements\.txt|package\.json|oxlintrc\.json)$/;
/** Files whose texts are data: vocabularies, output of models, messages of other programs, and tests of this list. */
const withoutProse =
  /\/src\/(?:.*\/)?testing\/|\/recorded|pnpm-lock|CHANGELOG|tools\/xtask\/src\/lib\/prose|^bench\/worker\/prompts\.ts$|dialects\/openai\/models\.ts/;

/** @param path relative to the root */
export function hasProse(path: string): boolean {
  return (code.test(path) || otherTexts.test(path)) && !withoutProse.test(path);
}

/** @param path relative to the root @returns a text for each hit, with its line number */
export function proseProblems(path: string, source: string): string[] {
  if (!hasProse(path)) return [];
  const isMarkdown = path.endsWith(".md");
  const problems: string[] = [];
  let isInBlock = false;
  for (const [index, line] of source.split("\n").entries()) {
    if (isMarkdown && /^\s*(?:```|~~~)/.test(line)) isInBlock = !isInBlock;
    const prose = code.test(path) ? proseOf(line) : isInBlock ? "" : withoutCode(line);
    for (const [pattern, instead] of avoided) {
      const [hit] = pattern.exec(prose) ?? [];
      if (hit !== undefined) problems.push(`${path}:${index + 1}: "${hit}": ${instead}`);
    }
  }
  return problems;
}

/** Jinja code in a string literal, which may contain words of the list, such as `is none`. */
const templateCode = /\{[{%].*?[%}]\}/g;

/** The comment and the string literals of a line of code, without code in backquotes and Jinja code. */
function proseOf(line: string): string {
  const comment = /(?:^\s*\*|\/\*|\/\/)(.*)$/.exec(line)?.[1] ?? "";
  const before = line.slice(0, line.length - comment.length);
  const texts = Array.from(before.matchAll(/"((?:[^"\\]|\\.)*)"|`((?:[^`\\]|\\.)*)`/g), ([, double, back]) =>
    (double ?? back ?? "").replaceAll(templateCode, ""),
  );
  return [...texts.filter((text) => / /.test(text.trim())), withoutCode(comment)].join(" ");
}

function withoutCode(text: string): string {
  return text.replaceAll(/`[^`]*`/g, "");
}
