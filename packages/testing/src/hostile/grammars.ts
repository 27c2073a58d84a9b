// Owns grammars that are invalid or hostile. Each has a form that once crashed or blocked an engine, or that could.

export interface HostileGrammar {
  readonly name: string;
  readonly grammar: string;
  /** `refused`: the worker rejects the request. `accepted`: the job runs or fails, without an effect on other jobs. */
  readonly fate: "refused" | "accepted";
}

/** Nested rules, each with two alternatives that begin alike, so that a text can begin in 2 to the power of `depth` ways. */
function forkedRules(depth: number, first: string): string {
  const rules = Array.from({ length: depth }, (_, i) => `r${i} ::= r${i + 1} "a" | r${i + 1} "b"`);
  return [first, ...rules, `r${depth} ::= "x"`].join("\n");
}

function chainOfRules(length: number, last: string): string {
  const rules = Array.from({ length }, (_, i) => `r${i} ::= r${i + 1}`);
  return ["root ::= r0", ...rules, `r${length} ::= ${last}`].join("\n");
}

const many = (count: number, text: string): string => Array.from({ length: count }, () => text).join(" ");

const refused: Readonly<Record<string, string>> = {
  "token literals by id": "root ::= <[1]> <[2]>",
  "a token literal past the vocabulary": "root ::= <[99999999]>",
  "a token literal past every number": `root ::= <[${"9".repeat(40)}]>`,
  "a token literal by name": "root ::= <think> [^<]* </think>",
  "a negated token literal": "root ::= !<[1]>*",
  "an unfinished token literal": "root ::= <[",
  "text that is not a grammar": "this is no grammar",
  "only a comment": "# root",
  "no rule named root": 'branch ::= "a"',
  "a missing rule": 'root ::= "a" missing',
  "an unfinished literal": 'root ::= "a',
  "an unfinished class": "root ::= [a",
  "an unfinished group": 'root ::= ("a"',
  "an unfinished escape": String.raw`root ::= "\x4`,
  "an unknown escape": String.raw`root ::= "\q"`,
  "a code point past Unicode": String.raw`root ::= "\UFFFFFFFF"`,
  "an empty class": "root ::= []",
  "a repetition without an item": "root ::= *",
  "a repetition with a maximum below its minimum": 'root ::= "a"{5,2}',
  "a repetition with a maximum of 20 digits": 'root ::= "a"{0,99999999999999999999}',
  "a count of 262,000 spaces": `root ::= "a"{1,${" ".repeat(262_000)}`,
  "a literal with an escaped NUL": String.raw`root ::= "\x00"`,
  "repetitions of repetitions with counts": "root ::= (([a-z ]{0,1000}){0,1000}){0,1000}",
  "half a surrogate pair": String.raw`root ::= [a-z ]* [\uD800-\uDFFF]?`,
  "a raw NUL": 'root ::= "\0"',
  "direct left recursion": 'root ::= root "a" | "b"',
  "indirect left recursion": 'root ::= a\na ::= b "x"\nb ::= root "y" | "z"',
  "left recursion behind an empty rule": 'root ::= e root "x" | "y"\ne ::= f\nf ::= ""',
  "left recursion behind an optional repetition": 'root ::= "a"* root "x" | "y"',
  "left recursion alone": "root ::= root",
  "groups 30,000 deep": `root ::= ${"(".repeat(30_000)}"a"${")".repeat(30_000)}`,
  "groups that are never closed": `root ::= ${"(".repeat(200_000)}`,
  "2^40 ways to begin": forkedRules(40, "root ::= r0"),
  "2^12 ways to begin, by a hundred rules": forkedRules(
    12,
    `root ::= ${Array.from({ length: 100 }, () => 'r0 "y"').join(" | ")}`,
  ),
  "10,000 optional items": `root ::= ${many(10_000, '"a"?')}`,
};

const accepted: Readonly<Record<string, string>> = {
  "a repetition of repetitions": 'root ::= ("a"*)*',
  "five levels of repetition": 'root ::= ((((("a"*)*)+)*)+)*',
  "a repetition of optional items": 'root ::= ("a"? "b"?)*',
  "forty optional items": `root ::= ${many(40, '"a"?')} "!"`,
  "fifty repetitions of the same class": `root ::= ${many(50, "[a-z ]*")} "!"`,
  "equal alternatives": 'root ::= ("a" | [a])* "!"',
  "ten equal alternatives for any character": `root ::= (${Array.from({ length: 10 }, () => ".").join(" | ")})* "!"`,
  "a nested rule for each character": 'root ::= [a-z ] root | [a-z ] root "b" | "!"',
  "two nested rules for each letter": 'root ::= [a-z ] root "b" | [a-z ] root "c" | "!"',
  "three nested rules for any character": 'root ::= . root "b" | . root "c" | . root "d" | "!"',
  "a fork after each word": 'root ::= " once" root "b" | " once" root "c" | "!"',
  "words that fork by 274 characters": `root ::= ${many(20, "w")}\nw ::= ${Array.from({ length: 12 }, () => "[a-z ]* x").join(" | ")}\nx ::= [a-z ]?`,
  "2^40 ways to continue": forkedRules(40, "root ::= [a-zA-Z ] r0"),
  "an ambiguous sum": 'root ::= e\ne ::= t | t "+" e | t "-" e\nt ::= [0-9]+ | "(" e ")" | [0-9] t?',
  "ambiguous whitespace": 'root ::= "{" ws ws ws ws "}"\nws ::= ([ \\t\\n]+)*',
  "brackets of any depth": 'root ::= "(" root ")" root | ""',
  "open brackets without an end": 'root ::= "(" root',
  "right recursion with empty alternatives": 'root ::= [a-z ] r\nr ::= e e e e root | e e\ne ::= "" | "x" | ""',
  "an empty loop": 'root ::= (""*)* "a"',
  "an empty rule that calls itself last": 'root ::= "a" e\ne ::= "" | "b" e',
  "up to 100,000 repetitions": "root ::= [a-z ]{0,100000}",
  "exactly 100,000 repetitions": "root ::= [a-z ]{100000}",
  "a class of 20,000 characters": `root ::= [${Array.from({ length: 20_000 }, (_, i) => String.fromCodePoint(0x4e00 + i)).join("")}a-z ]*`,
  "a class of 30,000 ranges": `root ::= [${"a-z".repeat(30_000)}]*`,
  "all characters except one": String.raw`root ::= [^\U0010FFFF]*`,
  "characters of every length": 'root ::= [aä蜂🐝]+ "né" [😀-🙏]{0,3}',
  "an enumeration of 5,000": `root ::= ${Array.from({ length: 5_000 }, (_, i) => `"w${i}"`).join(" | ")}`,
  "5,000 alternatives for each character": `root ::= (${Array.from({ length: 5_000 }, (_, i) => `[a-z ${i % 10}]`).join(" | ")})*`,
  "a chain of 12,000 rules": chainOfRules(12_000, '"a"'),
  "a literal of 200,000 characters": `root ::= "${"ab".repeat(100_000)}"`,
  "a rule with two definitions": 'root ::= "a"\nroot ::= [a-z ]*',
  "an empty text": 'root ::= ""',
};

/** Valid and invalid grammars. Each may delay or fail only the job that uses it. */
export const hostileGrammars: readonly HostileGrammar[] = [
  ...Object.entries(refused).map(([name, grammar]) => ({ name, grammar, fate: "refused" as const })),
  ...Object.entries(accepted).map(([name, grammar]) => ({ name, grammar, fate: "accepted" as const })),
];
