// Parses a template's statements.
import { sourceLimits } from "../limits.ts";
import { overLimit, unsupported } from "../template-error.ts";
import { createExpressionParser } from "./expressions.ts";
import type { Expression, MacroNode, Statement, Target } from "./nodes.ts";
import { createTokenReader } from "./token-reader.ts";
import { tokenize } from "./tokens.ts";

/** Tags that need other templates, or that escape texts for HTML. No model's template uses them. */
const foreign: ReadonlySet<string> = new Set(["include", "import", "from", "extends", "autoescape"]);
const reserved: ReadonlySet<string> = new Set(["true", "false", "none", "True", "False", "None"]);
const implicit: readonly string[] = ["varargs", "kwargs", "caller"];

/** @throws TemplateError syntax, unsupported, limit */
export function parseTemplate(source: string): readonly Statement[] {
  if (source.length > sourceLimits.chars) throw overLimit(`it has more than ${sourceLimits.chars} characters`);
  const reader = createTokenReader(tokenize(source));
  const { expression, tuple, filters } = createExpressionParser(reader);
  let loops = 0;

  /** Reads up to a tag with one of these words. The `{%` of this tag is read, but not the word. */
  function body(...ends: readonly string[]): Statement[] {
    return reader.nested(() => statements(ends));
  }

  function statements(ends: readonly string[]): Statement[] {
    const found: Statement[] = [];
    for (;;) {
      const { type, text } = reader.peek();
      if (type === "end" && ends.length === 0) return found;
      if (type === "text") found.push({ type: "text", text: reader.next().text });
      else if (type === "print") found.push(print());
      else if (type === "tag") {
        reader.next();
        if (reader.peek().type === "name" && ends.includes(reader.peek().text)) return found;
        found.push(statement());
      } else throw reader.fail(ends.length === 0 ? `unexpected ${text}` : `expected the tag ${ends.join(" or ")}`);
    }
  }

  function print(): Statement {
    reader.next();
    const value = tuple();
    reader.take("printEnd", "}}");
    return { type: "print", value };
  }

  const endTag = (): void => void reader.take("tagEnd", "%}");

  /** Reads the body of a block, and its end tag. */
  function block(end: string): Statement[] {
    endTag();
    const found = body(end);
    reader.next();
    endTag();
    return found;
  }

  function statement(): Statement {
    const word = reader.peek().text;
    if (reader.peek().type !== "name") throw reader.fail("expected a tag's name");
    if (foreign.has(word)) throw unsupported(`Line ${reader.peek().line}: the tag "${word}" is not supported`);
    const read = tags[word];
    if (read === undefined) throw reader.fail("unknown tag");
    reader.next();
    return read();
  }

  const tags: Readonly<Record<string, () => Statement>> = {
    __proto__: null as never,
    if: () => ifStatement(),
    for: () => forStatement(),
    set: () => setStatement(),
    macro: () => ({ type: "macro", macro: macro(assignable()) }),
    call: () => callBlock(),
    filter: () => ({ type: "filterBlock", filter: filters(), body: block("endfilter") }),
    with: () => withStatement(),
    block: () => blockStatement(),
    generation: () => ({ type: "scope", body: block("endgeneration") }),
    break: () => jump("break"),
    continue: () => jump("continue"),
  };

  function jump(type: "break" | "continue"): Statement {
    if (loops === 0) throw reader.fail(`"${type}" outside of a loop`);
    endTag();
    return { type };
  }

  function ifStatement(): Statement {
    const test = tuple({ choices: false });
    endTag();
    const inner = body("elif", "else", "endif");
    if (reader.skip("elif")) return { type: "if", test, body: inner, otherwise: [reader.nested(ifStatement)] };
    return { type: "if", test, body: inner, otherwise: elseBody("endif") };
  }

  function forStatement(): Statement {
    const target = targets();
    reader.expect("in");
    const over = tuple({ choices: false, endsAt: "recursive" });
    const filter = reader.skip("if") ? expression() : undefined;
    const isRecursive = reader.skip("recursive");
    endTag();
    loops += 1;
    const inner = body("else", "endfor");
    loops -= 1;
    return { type: "for", target, over, filter, isRecursive, body: inner, otherwise: elseBody("endfor") };
  }

  /** Reads the body after `else`, if there is one, and the end tag. */
  function elseBody(end: string): readonly Statement[] {
    let found: readonly Statement[] = [];
    if (reader.skip("else")) {
      endTag();
      found = body(end);
    }
    reader.expect(end);
    endTag();
    return found;
  }

  function setStatement(): Statement {
    const target = targets();
    if (reader.skip("=")) {
      const value = tuple();
      endTag();
      return { type: "set", target, value };
    }
    const filter = reader.skip("|") ? filters() : undefined;
    return { type: "setBlock", target, filter, body: block("endset") };
  }

  function targets(): Target {
    const items: Target[] = [];
    let isTuple = false;
    while (!reader.at("in") && !reader.at("=") && !reader.at(")") && reader.peek().type !== "tagEnd") {
      items.push(target());
      if (!reader.skip(",")) break;
      isTuple = true;
    }
    const [only] = items;
    if (only === undefined) throw reader.fail("expected a name");
    return isTuple ? { type: "tuple", items } : only;
  }

  function target(): Target {
    if (reader.skip("(")) {
      const inner = reader.nested(targets);
      reader.expect(")");
      return inner;
    }
    const name = assignable();
    return reader.skip(".")
      ? { type: "namespace", name, attribute: reader.take("name", "a name") }
      : { type: "name", name };
  }

  function assignable(): string {
    if (reserved.has(reader.peek().text)) throw reader.fail("expected a name that can be set");
    return reader.take("name", "a name");
  }

  function macro(name: string): MacroNode {
    reader.expect("(");
    return { name, parameters: parameters(), ...macroBody("endmacro") };
  }

  function parameters(): MacroNode["parameters"] {
    const found: { name: string; otherwise: Expression | undefined }[] = [];
    while (!reader.skip(")")) {
      if (found.length > 0) reader.expect(",");
      const name = assignable();
      const otherwise = reader.skip("=") ? expression() : undefined;
      if (otherwise === undefined && found.at(-1)?.otherwise !== undefined) throw reader.fail("expected a default");
      found.push({ name, otherwise });
    }
    return found;
  }

  function macroBody(end: string): Pick<MacroNode, "body" | "mentions"> {
    const outerLoops = loops;
    const begin = reader.place();
    loops = 0;
    const found = block(end);
    loops = outerLoops;
    return { body: found, mentions: new Set(implicit.filter((name) => reader.mentions(name, begin))) };
  }

  function callBlock(): Statement {
    const given = reader.skip("(") ? parameters() : [];
    const call = expression();
    if (call.type !== "call") throw reader.fail("expected a call");
    return { type: "callBlock", call, caller: { name: "caller", parameters: given, ...macroBody("endcall") } };
  }

  function withStatement(): Statement {
    const found: (readonly [Target, Expression])[] = [];
    while (reader.peek().type !== "tagEnd") {
      if (found.length > 0) reader.expect(",");
      const one = target();
      reader.expect("=");
      found.push([one, expression()]);
    }
    return { type: "with", targets: found, body: block("endwith") };
  }

  function blockStatement(): Statement {
    const name = reader.take("name", "a name");
    reader.skip("scoped");
    reader.skip("required");
    endTag();
    const found = body("endblock");
    reader.next();
    reader.skip(name);
    endTag();
    return { type: "scope", body: found };
  }

  return statements([]);
}
