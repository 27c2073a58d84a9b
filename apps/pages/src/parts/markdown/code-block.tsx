// Owns a block of code: its language, its buttons, and its lines, in colours once these are computed. Code in an unknown language stays plain.
import type { VNode } from "preact";
import { useEffect, useMemo, useReducer, useState } from "preact/hooks";
import { deferred } from "../../models/deferred.tsx";
import { CopyButton } from "../copy-button.tsx";
import { ActionButton } from "../icons.tsx";
import { SwitchButton, createRememberedSwitch } from "../remembered-switch.tsx";
import { createCodeChunks, type Chunk, type Colours } from "./code-chunks.ts";
import { inSlices } from "./idle-slices.ts";

const Preview = deferred(async () => (await import("../preview/preview.tsx")).Preview);

/** Whether long lines continue on the next line, in all blocks. */
const wrapping = createRememberedSwitch("waggle.wrap-code");

export interface CodeBlockProps {
  readonly code: string;
  /** The text after the opening fence. */
  readonly info: string | undefined;
  /** Whether the block has its closing fence. */
  readonly closed: boolean;
}

export function CodeBlock({ code, info, closed }: CodeBlockProps): VNode {
  const name = languageName(info);
  const [previewed, setPreviewed] = useState(false);
  const colours = useColours(name);
  const chunks = useMemo(() => createCodeChunks(colours), [colours]);
  const [, drawAgain] = useReducer<number, undefined>((count) => count + 1, 0);
  const list = chunks.update(code);
  const isPlain = colours !== undefined && list.some(({ pieces }) => pieces === undefined);
  useEffect(() => {
    if (!isPlain) return undefined;
    return inSlices(() => {
      const more = chunks.colourNext();
      if (!more) drawAgain(undefined);
      return more;
    });
  }, [chunks, isPlain]);
  return (
    <figure class={wrapping.on.value ? "code wrapped" : "code"}>
      <figcaption class="spread">
        <span>{name === "" ? "code" : name}</span>
        <span class="row code-buttons">
          {closed && isMarkup(name, code) && (
            <ActionButton
              icon={previewed ? "code" : "eye"}
              label={previewed ? "Code" : "Preview"}
              kind="tiny quiet"
              onClick={() => setPreviewed(!previewed)}
            />
          )}
          {!previewed && <SwitchButton of={wrapping} icon="wrap" label="Wrap long lines" />}
          <CopyButton text={code} label="Copy code" />
        </span>
      </figcaption>
      {previewed ? (
        <Preview markup={code} />
      ) : (
        <pre tabIndex={0}>
          <code>{list.length === 1 && list[0] !== undefined ? inside(list[0]) : list.map(chunkView)}</code>
        </pre>
      )}
    </figure>
  );
}

/** The first word after the fence: `js`, also in `js title="a"` or `{.js}`. */
function languageName(info: string | undefined): string {
  return /^\{?\.?([^\s{},]*)/.exec(info ?? "")?.[1] ?? "";
}

/** Whether the code can be shown as a page or a picture. */
function isMarkup(name: string, code: string): boolean {
  return /^(html|svg)$/i.test(name) || (/^xml$/i.test(name) && /<svg[\s>]/.test(code));
}

/** Undefined until the language is loaded, and for an unknown language. */
function useColours(name: string): Colours | undefined {
  const [known, setKnown] = useState<{ readonly name: string; readonly colours: Colours | undefined }>();
  useEffect(() => {
    if (name === "") return undefined;
    let left = false;
    void import("./code-colours.ts")
      .then(({ coloursOf }) => coloursOf(name))
      // If the language does not load, the code stays plain.
      .catch(() => undefined)
      .then((colours) => {
        if (!left) setKnown({ name, colours });
      });
    return () => void (left = true);
  }, [name]);
  return known?.name === name ? known.colours : undefined;
}

const views = new WeakMap<Chunk, VNode>();

/** The same element for the same chunk, so that Preact does not compare its lines again. */
function chunkView(chunk: Chunk): VNode {
  const known = views.get(chunk);
  if (known !== undefined) return known;
  const view = <span class="lines">{inside(chunk)}</span>;
  views.set(chunk, view);
  return view;
}

function inside({ text, pieces }: Chunk): string | (string | VNode)[] {
  if (pieces === undefined) return text;
  return pieces.map(({ text: part, kind }) => (kind === undefined ? part : <span class={`code-${kind}`}>{part}</span>));
}
