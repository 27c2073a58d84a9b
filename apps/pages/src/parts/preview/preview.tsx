// Owns the frame that shows a model's HTML or SVG: on a page with no origin and no network. Scripts run only when the visitor starts them. Decision 130.
import type { VNode } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "../icons.tsx";
import "./preview.css";

export interface PreviewProps {
  readonly markup: string;
}

const hasScripts = /<script\b|\son[a-z]+\s*=|javascript:/i;

export function Preview({ markup }: PreviewProps): VNode {
  const frame = useRef<HTMLIFrameElement>(null);
  const [ready, setReady] = useState(false);
  const [scripts, setScripts] = useState(false);
  useEffect(() => {
    // The page in the frame has an opaque origin, which no other target matches. The chat page listens to no message.
    if (ready) frame.current?.contentWindow?.postMessage({ markup, scripts }, "*");
  }, [ready, markup, scripts]);
  return (
    <>
      {hasScripts.test(markup) && (
        <div class="row preview-scripts small muted">
          <span>
            {scripts
              ? "Scripts run. They can contact other computers, but cannot read this page."
              : "Scripts do not run here yet. Run only scripts that you trust."}
          </span>
          <Button label={scripts ? "Stop scripts" : "Run scripts"} onClick={() => setScripts(!scripts)} />
        </div>
      )}
      <div class="preview-frame">
        <iframe ref={frame} src="/preview" sandbox="allow-scripts" title="Preview" onLoad={() => setReady(true)} />
      </div>
    </>
  );
}
