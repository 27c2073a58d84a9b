// Owns the element for each kind of markdown. Text of a model is never parsed as HTML: HTML tags stay text, links lead only to the web or to
// mail, and a picture becomes a link, because showing it would send a request to another server.
import type { MarkedToken, Token, Tokens } from "marked";
import type { ComponentChild, VNode } from "preact";
import { CodeBlock } from "./code-block.tsx";
import type { FormulaToken } from "./formula-rules.ts";
import { Formula } from "./formula.tsx";

const known = new WeakMap<object, ComponentChild>();

/** Returns the same element for the same object, so that Preact does not compare the element again. */
function once<T extends object>(key: T, make: (key: T) => ComponentChild): ComponentChild {
  const before = known.get(key);
  if (before !== undefined) return before;
  const made = make(key);
  known.set(key, made);
  return made;
}

/** @param key the block's index, which never changes */
export function blockElement(key: number, token: Token): ComponentChild {
  return once(token, () => (
    <div class="block" key={key}>
      {element(token)}
    </div>
  ));
}

function elements(tokens: readonly Token[]): ComponentChild[] {
  return tokens.map(element);
}

/** The inline content of a block; the block's raw text if it has no inline content. */
function inside(token: { readonly tokens?: readonly Token[]; readonly text: string }): ComponentChild {
  return token.tokens === undefined ? token.text : elements(token.tokens);
}

function element(given: Token): ComponentChild {
  const token = given as MarkedToken | FormulaToken;
  switch (token.type) {
    case "space":
    case "def":
      return null;
    case "paragraph":
      return <p>{inside(token)}</p>;
    case "text":
      return inside(token);
    case "html":
      return token.block ? <p class="verbatim">{token.text}</p> : token.text;
    case "heading":
      return <Heading token={token} />;
    case "code":
      return <CodeBlock code={token.text} info={token.lang} closed={/(`{3,}|~{3,})\s*$/.test(token.raw)} />;
    case "codespan":
      return <code>{token.text}</code>;
    case "formula":
      return <Formula tex={token.tex} display={token.display} raw={token.raw} />;
    case "strong":
      return <strong>{inside(token)}</strong>;
    case "em":
      return <em>{inside(token)}</em>;
    case "del":
      return <del>{inside(token)}</del>;
    case "br":
      return <br />;
    case "hr":
      return <hr />;
    case "escape":
      return token.text;
    case "blockquote":
      return <blockquote dir="auto">{elements(token.tokens)}</blockquote>;
    case "list":
      return list(token);
    case "list_item":
      return <li>{elements(token.tokens)}</li>;
    case "checkbox":
      return (
        <input type="checkbox" checked={token.checked} disabled aria-label={token.checked ? "Done" : "Not done"} />
      );
    case "table":
      return table(token);
    case "link":
      return <Link href={token.href}>{inside(token)}</Link>;
    case "image":
      return <Link href={token.href}>{token.text === "" ? token.href : token.text}</Link>;
  }
}

function Heading({ token }: { readonly token: Tokens.Heading }): VNode {
  // Answers begin at any level up to 3. All these are right below the page's headings; the class keeps their sizes apart.
  const Tag = `h${Math.max(3, token.depth)}` as "h3" | "h4" | "h5" | "h6";
  return <Tag class={`heading-${token.depth}`}>{inside(token)}</Tag>;
}

function list(token: Tokens.List): VNode {
  const items = token.items.map((item) => once(item, element));
  return token.ordered ? (
    <ol dir="auto" start={token.start === "" ? 1 : token.start}>
      {items}
    </ol>
  ) : (
    <ul dir="auto">{items}</ul>
  );
}

function table(token: Tokens.Table): VNode {
  return (
    <div class="table" tabIndex={0} role="region" aria-label="Table">
      <table dir="auto">
        <thead>
          <tr>
            {token.header.map((cell) => (
              <th scope="col" class={alignment(cell)}>
                {inside(cell)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{token.rows.map((row) => once(row, tableRow))}</tbody>
      </table>
    </div>
  );
}

function tableRow(row: readonly Tokens.TableCell[]): VNode {
  return (
    <tr>
      {row.map((cell) => (
        <td class={alignment(cell)}>{inside(cell)}</td>
      ))}
    </tr>
  );
}

function alignment({ align }: Tokens.TableCell): string | undefined {
  return align === null ? undefined : `to-${align}`;
}

/** A link for a web or mail address. Other addresses, such as `javascript:`, stay text. */
function Link({ href, children }: { readonly href: string; readonly children: ComponentChild }): ComponentChild {
  if (!/^(https?:\/\/|mailto:)/i.test(href)) return children;
  return (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  );
}
