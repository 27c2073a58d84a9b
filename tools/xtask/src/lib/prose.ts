// Owns the list of words and turns that our prose avoids, and where it looks for them: Markdown, comments, and texts with a space in them.

/** What to write instead comes second. */
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
  [/\b(?:stands?|stood) (?:for|in|at|on|below|above|behind|there)\b/i, "means, is in"],
  [/\b(?:lies|lay) (?:in|at|on|below|with|behind|there)\b/i, "is in"],
  [/\b(?:goes|went|go) on\b/i, "continues"],
];

/** Texts of code where words are data: vocabularies, quotes of models, of other programs' messages, and tests of this list. */
const withoutProse =
  /\/src\/(?:.*\/)?testing\/|\/recorded|\.json$|CHANGELOG|tools\/xtask\/src\/lib\/prose|^bench\/worker\/prompts\.ts$|dialects\/openai\/models\.ts/;

/** @param path from the root. @returns a line for each hit, with its line number */
export function proseProblems(path: string, source: string): string[] {
  if (withoutProse.test(path)) return [];
  const isMarkdown = path.endsWith(".md");
  const problems: string[] = [];
  let isInBlock = false;
  for (const [index, line] of source.split("\n").entries()) {
    if (isMarkdown && /^\s*(?:```|~~~)/.test(line)) isInBlock = !isInBlock;
    const prose = isMarkdown ? (isInBlock ? "" : line.replaceAll(/`[^`]*`/g, "")) : proseOf(line);
    for (const [pattern, instead] of avoided) {
      const [hit] = pattern.exec(prose) ?? [];
      if (hit !== undefined) problems.push(`${path}:${index + 1}: "${hit}": ${instead}`);
    }
  }
  return problems;
}

/** Code of chat templates within a text: `is none` is one of its tests. */
const templateCode = /\{[{%].*?[%}]\}/g;

/** The comment and the texts of a line of code, without the code in backquotes and of templates. */
function proseOf(line: string): string {
  const comment = /(?:^\s*(?:\/\*\*?|\*)|\/\/)(.*)$/.exec(line)?.[1] ?? "";
  const code = comment === "" ? line : line.slice(0, line.length - comment.length);
  const texts = Array.from(code.matchAll(/"((?:[^"\\]|\\.)*)"|`((?:[^`\\]|\\.)*)`/g), ([, double, back]) =>
    (double ?? back ?? "").replaceAll(templateCode, ""),
  );
  return [...texts.filter((text) => / /.test(text.trim())), comment.replaceAll(/`[^`]*`/g, "")].join(" ");
}
