// Owns the grammars that nobody should send: what llama.cpp's parser takes for granted, what its sampler explodes on, what never ends.

export interface HostileGrammar {
  readonly name: string;
  readonly grammar: string;
}

/** The longest that the schema lets through. */
const longest = 262_144;
const rules = (count: number, rule: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => rule(index)).join("\n");

export const hostileGrammars: readonly HostileGrammar[] = [
  { name: "token literals", grammar: "root ::= <[1]> <[2]>" },
  { name: "a token literal out of range", grammar: "root ::= <[99999999]>" },
  { name: "a token literal of a big integer", grammar: "root ::= <[123456789012345678901234567890]>" },
  { name: "a negated token literal", grammar: "root ::= !<[1]>*" },
  { name: "a token literal of text", grammar: "root ::= <think> [a-z]* </think>" },
  { name: "nested optional repetitions", grammar: "root ::= (((([a-z]?)*)?)*)*" },
  { name: "nested stars", grammar: `root ::= ${"(".repeat(20)}[a-z]*${")*".repeat(20)}` },
  { name: "nested pluses", grammar: `root ::= ${"(".repeat(12)}[a-z ]+${")+".repeat(12)}` },
  { name: "40 optional letters of 274 characters", grammar: `root ::= ${"[a-z ]? ".repeat(30)}[a-z ]*`.slice(0, 274) },
  { name: "300 optional repetitions", grammar: `root ::= ${"[a-z ]* ".repeat(300)}"."` },
  { name: "two rules that take the same", grammar: 'root ::= (a | b)* "."\na ::= [a-z ]+\nb ::= [a-z ]+' },
  {
    name: "many rules that take the same",
    grammar: `root ::= (${rules(60, (i) => `r${i}`).replaceAll("\n", " | ")})*\n${rules(60, (i) => `r${i} ::= [a-zA-Z .,]+`)}`,
  },
  { name: "sums that are ambiguous", grammar: "root ::= e\ne ::= [a-z ]+ | e2 e2\ne2 ::= [a-z ]+ | [a-z ]+ e2" },
  { name: "left recursion", grammar: 'root ::= root "a" | "b"' },
  { name: "indirect left recursion", grammar: 'root ::= a "x"\na ::= b "y"\nb ::= root "z" | "w"' },
  { name: "left recursion behind an empty rule", grammar: 'root ::= empty root "a" | "b"\nempty ::= ""' },
  { name: "a rule of itself alone", grammar: "root ::= root" },
  { name: "an empty grammar", grammar: 'root ::= ""' },
  { name: "loops of nothing", grammar: 'root ::= ("")* (""*)*' },
  { name: "loops of an empty rule", grammar: 'root ::= (e*)* "a"\ne ::= "" | e2?\ne2 ::= ""*' },
  { name: "right recursion without an end", grammar: 'root ::= "a" root' },
  { name: "parentheses 1,000 deep", grammar: `root ::= ${"(".repeat(1_000)}"a"${")".repeat(1_000)}` },
  { name: "parentheses 100,000 deep", grammar: `root ::= ${"(".repeat(100_000)}"a"${")".repeat(100_000)}` },
  { name: "parentheses that stay open", grammar: `root ::= ${"(".repeat(200_000)}` },
  {
    name: "a chain of 10,000 rules",
    grammar: `root ::= r0\n${rules(10_000, (i) => `r${i} ::= r${i + 1}`)}\nr10000 ::= "a"`,
  },
  {
    name: "a rule that doubles 25 times",
    grammar: `root ::= r0\n${rules(25, (i) => `r${i} ::= r${i + 1} r${i + 1}`)}\nr25 ::= [a-z]?`,
  },
  { name: "repetition of 2,000", grammar: "root ::= [a-z ]{2000}" },
  { name: "optional repetition of 2,000", grammar: "root ::= [a-z ]{0,2000}" },
  { name: "repetition of 1,000,000,000", grammar: "root ::= [a-z]{1000000000}" },
  { name: "repetition of a big integer", grammar: "root ::= [a-z]{99999999999999999999}" },
  { name: "repetitions of repetitions", grammar: "root ::= ((([a-z]{1,100}){1,100}){1,100}){1,100}" },
  { name: "repetition that counts down", grammar: "root ::= [a-z]{5,2}" },
  {
    name: "the longest that is let through, of alternatives",
    grammar: `root ::= ${'"a" | '.repeat(longest / 6 - 10)}"b"`,
  },
  {
    name: "the longest that is let through, of classes",
    grammar: `root ::= [${"a-z".repeat(Math.floor(longest / 3) - 10)}]*`,
  },
  { name: "the longest that is let through, of one letter", grammar: `root ::= "${"a".repeat(longest - 20)}"` },
  { name: "the longest that is let through, of blanks", grammar: `root ::=${" ".repeat(longest - 20)}"a"` },
  {
    name: "the longest that is let through, of rules",
    grammar: rules(12_000, (i) => `${i === 0 ? "root" : `r${i}`} ::= "a" | "b"`).slice(0, longest),
  },
  { name: "a rule that is missing", grammar: "root ::= nowhere" },
  { name: "no root", grammar: 'leaf ::= "a"' },
  { name: "no grammar", grammar: "}{" },
  { name: "a class that is empty", grammar: "root ::= []*" },
  { name: "a class turned around", grammar: "root ::= [z-a]*" },
  { name: "all but everything", grammar: "root ::= [^\\x00-\\U0010FFFF]" },
  { name: "half a surrogate pair", grammar: 'root ::= "\\uD800" "\\uDC00"' },
  { name: "beyond the last character", grammar: 'root ::= "\\UFFFFFFFF"' },
  { name: "a byte of nothing", grammar: 'root ::= "\0" "\\x00"' },
  { name: "an escape that ends too soon", grammar: 'root ::= "\\x' },
];
