// Finds the names of the variables that a chat template reads, in its source and without rendering it.

/** Variables that every template gets, and Jinja's names. */
const given = new Set([
  ...["messages", "tools", "add_generation_prompt", "continue_final_message", "raise_exception", "strftime_now"],
  ...["bos_token", "eos_token", "pad_token", "unk_token", "sep_token", "cls_token", "mask_token"],
  ...["namespace", "range", "dict", "lipsum", "cycler", "joiner", "loop", "self", "caller", "varargs", "kwargs"],
]);

const words = new Set([
  ...["if", "elif", "else", "endif", "for", "endfor", "in", "is", "not", "and", "or", "recursive", "break", "continue"],
  ...["set", "endset", "macro", "endmacro", "call", "endcall", "filter", "endfilter", "with", "endwith"],
  ...["block", "endblock", "generation", "endgeneration", "raw", "endraw", "import", "from", "include", "as", "do"],
  ...["true", "false", "none", "True", "False", "None"],
]);

const block = /\{#[\s\S]*?(?:#\}|$)|\{%[-+]?\s*raw\s*-?%\}[\s\S]*?(?:\{%-?\s*endraw|$)|\{([{%])[-+]?/g;
const token = /\s*(?:("(?:[^"\\]|\\[\s\S])*"|'(?:[^'\\]|\\[\s\S])*')|([A-Za-z_]\w*)|([-+]?[%}]\}|==|[^]))/y;

interface Token {
  readonly kind: "name" | "string" | "sign";
  readonly text: string;
}

/** Returns each name once, in the order of the first reads. Names that are set before they are read are not included. */
export function templateVariables(source: string): readonly string[] {
  // A macro can be called before its definition.
  const own = new Set([...source.matchAll(/\{%[-+]?\s*macro\s+(\w+)/g)].map(([, name = ""]) => name));
  const found = new Set<string>();
  for (const tokens of blocksOf(source)) {
    const { reads, sets } = namesIn(tokens);
    for (const name of reads) if (!own.has(name) && !given.has(name)) found.add(name);
    for (const name of sets) own.add(name);
  }
  return [...found];
}

/** The tokens of each statement and expression. */
function* blocksOf(source: string): Generator<readonly Token[]> {
  block.lastIndex = 0;
  for (;;) {
    const at = block.exec(source);
    if (at === null) return;
    if (at[1] === undefined) continue;
    const { tokens, end } = tokensFrom(source, block.lastIndex, at[1] === "{" ? "}}" : "%}");
    block.lastIndex = end;
    yield tokens;
  }
}

function tokensFrom(source: string, from: number, closing: string): { tokens: Token[]; end: number } {
  const tokens: Token[] = [];
  let depth = 0;
  token.lastIndex = from;
  for (;;) {
    const found = token.exec(source);
    if (found === null) return { tokens, end: source.length };
    const [, string, name, sign = ""] = found;
    // An unclosed quote extends to the end of the source.
    if (string !== undefined) tokens.push({ kind: "string", text: string });
    else if (name !== undefined) tokens.push({ kind: "name", text: name });
    else if (sign === '"' || sign === "'") return { tokens, end: source.length };
    else if (depth === 0 && sign.endsWith(closing)) return { tokens, end: token.lastIndex };
    else {
      // Two braces may close two dicts, so each brace is a separate token.
      const one = sign.length > 1 && sign !== "==" ? sign.charAt(0) : sign;
      token.lastIndex -= sign.length - one.length;
      if ("([{".includes(one)) depth += 1;
      if (")]}".includes(one)) depth -= 1;
      tokens.push({ kind: "sign", text: one });
    }
  }
}

/** The names that a statement reads, and the names that it sets for later statements. */
function namesIn(tokens: readonly Token[]): { reads: readonly string[]; sets: readonly string[] } {
  const [first] = tokens;
  const statement = first?.kind === "name" ? first.text : "";
  const sets = new Set(targetsOf(tokens, statement));
  const reads = tokens.flatMap((each, index) => (isRead(tokens, index) ? [each.text] : []));
  if (statement === "for" || statement === "macro" || statement === "call") {
    return { reads: reads.filter((name) => !sets.has(name)), sets: [...sets] };
  }
  return { reads, sets: [...sets] };
}

function targetsOf(tokens: readonly Token[], statement: string): readonly string[] {
  const upTo = (end: string): readonly string[] => {
    const index = tokens.findIndex(({ text, kind }) => text === end && kind !== "string");
    const head = tokens.slice(1, index === -1 ? undefined : index);
    return head.flatMap(({ kind, text }, i) => (kind === "name" && head[i - 1]?.text !== "." ? [text] : []));
  };
  switch (statement) {
    case "set":
      return upTo("=");
    case "for":
      return upTo("in");
    case "macro":
    case "call":
      return upTo("");
    case "with":
      return tokens.flatMap(({ kind, text }, i) => (kind === "name" && tokens[i + 1]?.text === "=" ? [text] : []));
    default:
      return [];
  }
}

function isRead(tokens: readonly Token[], index: number): boolean {
  const { kind, text } = tokens[index] ?? { kind: "sign" };
  if (kind !== "name" || words.has(text ?? "")) return false;
  const before = tokens[index - 1]?.text;
  const isTest = before === "is" || (before === "not" && tokens[index - 2]?.text === "is");
  if (before === "." || before === "|" || isTest) return false;
  // A name before `=` is set, or is the name of an argument.
  return tokens[index + 1]?.text !== "=";
}
