// Parses GBNF for tests, by the description of the language and independent of the printer, so that tests find errors of the printer.

export type GbnfItem =
  | { readonly kind: "char"; readonly ranges: readonly (readonly [number, number])[] }
  | { readonly kind: "rule"; readonly name: string }
  | { readonly kind: "row"; readonly items: readonly GbnfItem[] }
  | { readonly kind: "either"; readonly options: readonly GbnfItem[] }
  | { readonly kind: "times"; readonly item: GbnfItem; readonly min: number; readonly max: number };

export type Gbnf = ReadonlyMap<string, GbnfItem>;

const word = /[A-Za-z0-9-]+/y;
/** llama.cpp's limit for the count of a repetition. */
const highestCount = 2_000;

export function readGbnf(text: string): Gbnf {
  const rules = new Map<string, GbnfItem>();
  for (const line of text.split("\n").filter((part) => part !== "")) {
    const [, name = "", body = ""] = /^([A-Za-z0-9-]+) ::= (.*)$/.exec(line) ?? [];
    if (name === "" || rules.has(name)) throw new Error(`Not a rule, or a second definition: ${line}`);
    rules.set(name, readBody(body));
  }
  for (const item of rules.values()) checkNames(item, rules);
  if (!rules.has("root")) throw new Error("The grammar has no rule named root");
  return rules;
}

function checkNames(item: GbnfItem, rules: Gbnf): void {
  if (item.kind === "rule" && !rules.has(item.name)) throw new Error(`Undefined rule ${item.name}`);
  if (item.kind === "row") for (const part of item.items) checkNames(part, rules);
  if (item.kind === "either") for (const part of item.options) checkNames(part, rules);
  if (item.kind === "times") checkNames(item.item, rules);
}

function readBody(body: string): GbnfItem {
  let at = 0;

  function skip(): void {
    while (body[at] === " ") at += 1;
  }

  function take(expression: RegExp): RegExpExecArray | null {
    expression.lastIndex = at;
    const found = expression.exec(body);
    at += found?.[0].length ?? 0;
    return found;
  }

  function either(): GbnfItem {
    const options = [row()];
    while (body[at] === "|") {
      at += 1;
      options.push(row());
    }
    return options.length === 1 && options[0] !== undefined ? options[0] : { kind: "either", options };
  }

  function row(): GbnfItem {
    const items: GbnfItem[] = [];
    skip();
    while (at < body.length && body[at] !== "|" && body[at] !== ")") {
      items.push(counted(one()));
      skip();
    }
    return { kind: "row", items };
  }

  function one(): GbnfItem {
    if (body[at] === '"') return literal();
    if (body[at] === "[") return charClass();
    if (body[at] === "(") {
      at += 1;
      const inner = either();
      if (body[at] !== ")") throw new Error(`Expected ")" at ${body.slice(at, at + 20)}`);
      at += 1;
      return inner;
    }
    const name = take(word);
    if (name === null) throw new Error(`Cannot read ${body.slice(at, at + 20)}`);
    return { kind: "rule", name: name[0] };
  }

  function counted(item: GbnfItem): GbnfItem {
    const mark = take(/\*|\+|\?|\{(\d+)(?:(,)(\d*))?\}/y);
    if (mark === null) return item;
    if (mark[0] === "*") return { kind: "times", item, min: 0, max: Infinity };
    if (mark[0] === "+") return { kind: "times", item, min: 1, max: Infinity };
    if (mark[0] === "?") return { kind: "times", item, min: 0, max: 1 };
    const min = Number(mark[1]);
    const max = mark[2] === undefined ? min : mark[3] === "" ? Infinity : Number(mark[3]);
    if (min > highestCount || (max !== Infinity && max > highestCount)) throw new Error(`Count too high: ${mark[0]}`);
    if (item.kind === "row" || item.kind === "either") {
      if (!(item.kind === "row" && item.items.every(({ kind }) => kind === "char")))
        throw new Error("The grammar has a counted group");
    }
    return { kind: "times", item, min, max };
  }

  function literal(): GbnfItem {
    at += 1;
    const items: GbnfItem[] = [];
    while (body[at] !== '"') {
      const char = character();
      items.push({ kind: "char", ranges: [[char, char]] });
    }
    at += 1;
    return { kind: "row", items };
  }

  function charClass(): GbnfItem {
    at += 1;
    if (body[at] === "^" || body[at] === "]") throw new Error("The grammar has an empty or negated class");
    const ranges: [number, number][] = [];
    while (body[at] !== "]") {
      const first = character();
      if (body[at] === "-" && body[at + 1] !== "]") {
        at += 1;
        ranges.push([first, character()]);
      } else {
        ranges.push([first, first]);
      }
    }
    at += 1;
    return { kind: "char", ranges };
  }

  function character(): number {
    const escape = take(/\\(?:x([\dA-F]{2})|u([\dA-F]{4})|U([\dA-F]{8})|([tnr\\"[\]]))/y);
    if (escape !== null) {
      const code = escape[1] ?? escape[2] ?? escape[3];
      if (code !== undefined) return Number.parseInt(code, 16);
      const letter = escape[4] ?? "";
      return ({ t: "\t", n: "\n", r: "\r" }[letter] ?? letter).charCodeAt(0);
    }
    const char = body[at] ?? "";
    if (char === "" || char === "\\" || char < " " || char > "~")
      throw new Error(`Bad character at ${body.slice(at, at + 20)}`);
    at += 1;
    return char.charCodeAt(0);
  }

  const item = either();
  if (at !== body.length) throw new Error(`Cannot read the rest: ${body.slice(at, at + 20)}`);
  return item;
}
