// Owns a block of code: its language, its buttons and its text, in colours when the block is complete. Code in an unknown language stays plain.
import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import { deferred } from "../../models/deferred.tsx";
import { CopyButton } from "../copy-button.tsx";
import { Button } from "../icons.tsx";
import { SwitchButton, createRememberedSwitch } from "../remembered-switch.tsx";
import type { Piece } from "./code-colours.ts";
import { inSlices } from "./idle-slices.ts";

const Preview = deferred(async () => (await import("../preview/preview.tsx")).Preview);

/** Whether long lines continue on the next line, in all blocks. */
const wrapping = createRememberedSwitch("waggle.wrap-code");

/** Longer code is data, and stays plain. */
const maxColouredChars = 262_144;

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
  const pieces = usePieces(code, closed ? name : "");
  return (
    <figure class={wrapping.on.value ? "code wrapped" : "code"}>
      <figcaption class="spread">
        <span>{name === "" ? "code" : name}</span>
        <span class="row code-buttons">
          {closed && isMarkup(name, code) && (
            <Button
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
          <code>
            {pieces?.map(({ text, kind }) =>
              kind === undefined ? text : <span class={`code-${kind}`}>{text}</span>,
            ) ?? code}
          </code>
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

/** Undefined until the colours are computed, and for an unknown language. */
function usePieces(code: string, name: string): readonly Piece[] | undefined {
  const [coloured, setColoured] = useState<{ code: string; name: string; pieces: readonly Piece[] }>();
  useEffect(() => {
    if (name === "" || code.length > maxColouredChars) return undefined;
    let left = false;
    let leave = (): void => {};
    void import("./code-colours.ts")
      .then(({ coloursOf }) => coloursOf(name))
      // If the language does not load, the code stays plain.
      .catch(() => undefined)
      .then((colours) => {
        if (left || colours === undefined) return;
        const lines = colours(code);
        leave = inSlices(() => {
          const { done, value } = lines.next();
          if (done === true) setColoured({ code, name, pieces: value });
          return done !== true;
        });
      });
    return () => {
      left = true;
      leave();
    };
  }, [code, name]);
  return coloured?.code === code && coloured.name === name ? coloured.pieces : undefined;
}
