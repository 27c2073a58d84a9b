// Owns the chat's dialog of models.
import type { VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Button } from "../parts/icons.tsx";
import type { ModelControls } from "./model-controls.ts";
import { ModelsView } from "./models-view.tsx";

export interface ModelsDialogProps {
  readonly controls: ModelControls;
  /** The model of this conversation. */
  readonly chosen: string | undefined;
  readonly onChoose: (model: string) => void;
  readonly onClose: () => void;
}

export function ModelsDialog({ controls, chosen, onChoose, onClose }: ModelsDialogProps): VNode {
  const { list, changes, rights } = controls;
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => dialog.current?.showModal(), []);

  /** Choosing a model also loads it, so that the first answer comes sooner. */
  function use(name: string): void {
    // Closing returns the focus to the button, so the page can move it only afterwards.
    dialog.current?.close();
    onChoose(name);
    const { models = [], budget } = list.statuses.peek() ?? {};
    const state = models.find((model) => model.name === name)?.state;
    const mayChange = budget !== undefined && rights.mayChange.peek();
    if (mayChange && (state === "unloaded" || state === "failed")) changes.load(name);
  }
  return (
    <dialog class="dialog models-dialog" ref={dialog} aria-labelledby="models-dialog-title" onClose={onClose}>
      <div class="stack">
        <div class="spread">
          <h2 id="models-dialog-title">Models</h2>
          <Button label="Close" onClick={() => dialog.current?.close()} />
        </div>
        <ModelsView {...{ controls, chosen }} onUse={use} />
      </div>
    </dialog>
  );
}
