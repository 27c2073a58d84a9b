// Owns how an answer's markdown is shown: as blocks. Final blocks are not drawn again while the answer grows.
import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import { blockElement } from "./elements.tsx";
import { createIncrementalMarkdown } from "./incremental.ts";
import "./markdown.css";

export function Markdown({ text }: { readonly text: string }): VNode {
  const parse = useMemo(createIncrementalMarkdown, []);
  const blocks = useMemo(() => parse(text), [parse, text]);
  return <div class="markdown">{blocks.map((token, i) => blockElement(i, token))}</div>;
}
