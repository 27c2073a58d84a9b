// Owns the list of keyboard shortcuts, and the switch that turns them off.
import type { VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Button } from "../../parts/icons.tsx";
import { fixedKeys, shortcuts, shortcutSwitch } from "./shortcuts.ts";

export function ShortcutsDialog({ onClose }: { readonly onClose: () => void }): VNode {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog class="dialog" ref={dialog} aria-labelledby="shortcuts-title" onClose={onClose}>
      <div class="stack">
        <h2 id="shortcuts-title">Keyboard shortcuts</h2>
        <dl class="stack tight shortcuts">
          {[...shortcuts, ...fixedKeys].map(({ key, words }) => (
            <div key={key}>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{words}</dd>
            </div>
          ))}
        </dl>
        <label class="row check small">
          <input type="checkbox" checked={shortcutSwitch.on.value} onChange={shortcutSwitch.message} /> Use single keys;
          they are off while you type
        </label>
        <div class="row end">
          <Button label="Close" kind="primary" autofocus onClick={() => dialog.current?.close()} />
        </div>
      </div>
    </dialog>
  );
}
