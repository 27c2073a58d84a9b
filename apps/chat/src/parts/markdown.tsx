// Owns how an answer's markdown is shown: the parser's tokens become elements one by one, so no text of a model is ever parsed as HTML,
// and while more comes the elements that stand stay where they are. HTML in an answer is text like any other.
import { lexer } from "marked";
import type { MarkedToken, Token, Tokens } from "marked";
import type { ComponentChild, VNode } from "preact";
import { useMemo } from "preact/hooks";
import { CopyButton } from "./copy-button.tsx";

export function Markdown({ text }: { readonly text: string }): VNode {
  const content = useMemo(() => blocks(lexer(text, { gfm: true, breaks: true })), [text]);
  return <div class="markdown">{content}</div>;
}

function blocks(tokens: readonly Token[]): ComponentChild[] {
  return tokens.map((token) => element(token as MarkedToken));
}

/** The inline content of a block; its raw text where the parser found none. */
function inside(token: { readonly tokens?: readonly Token[]; readonly text: string }): ComponentChild {
  return token.tokens === undefined ? token.text : blocks(token.tokens);
}

function element(token: MarkedToken): ComponentChild {
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
      return <CodeBlock token={token} />;
    case "codespan":
      return <code>{token.text}</code>;
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
      return <blockquote>{blocks(token.tokens)}</blockquote>;
    case "list":
      return <List token={token} />;
    case "list_item":
      return <li>{blocks(token.tokens)}</li>;
    case "checkbox":
      return <input type="checkbox" checked={token.checked} disabled />;
    case "table":
      return <Table token={token} />;
    case "link":
      return <Link href={token.href}>{inside(token)}</Link>;
    case "image":
      // Showing it would be a request to somebody else.
      return <Link href={token.href}>{token.text === "" ? token.href : token.text}</Link>;
  }
}

function Heading({ token }: { readonly token: Tokens.Heading }): VNode {
  // Two levels lower: the page has headings of its own.
  const Tag = `h${Math.min(6, token.depth + 2)}` as "h3" | "h4" | "h5" | "h6";
  return <Tag>{inside(token)}</Tag>;
}

function List({ token }: { readonly token: Tokens.List }): VNode {
  const items = token.items.map((item) => element(item));
  return token.ordered ? <ol start={token.start === "" ? 1 : token.start}>{items}</ol> : <ul>{items}</ul>;
}

function CodeBlock({ token }: { readonly token: Tokens.Code }): VNode {
  return (
    <figure class="code">
      <figcaption class="spread">
        <span>{token.lang === undefined || token.lang === "" ? "code" : token.lang}</span>
        <CopyButton text={token.text} label="Copy code" />
      </figcaption>
      <pre tabIndex={0}>
        <code>{token.text}</code>
      </pre>
    </figure>
  );
}

function Table({ token }: { readonly token: Tokens.Table }): VNode {
  return (
    <div class="table" tabIndex={0} role="region" aria-label="Table">
      <table>
        <thead>
          <tr>
            {token.header.map((cell) => (
              <th>{inside(cell)}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {token.rows.map((row) => (
            <tr>
              {row.map((cell) => (
                <td>{inside(cell)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Only addresses that lead somewhere; `javascript:` and the like stay text. */
function Link({ href, children }: { readonly href: string; readonly children: ComponentChild }): ComponentChild {
  if (!/^(https?:\/\/|mailto:)/i.test(href)) return children;
  return (
    <a href={href} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  );
}
