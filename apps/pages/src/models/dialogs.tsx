// Owns the dialogs before a model is deleted or its file is swapped.
import type { ModelStatus } from "@waggle/protocol";
import type { ComponentChildren, VNode } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import { formText } from "../parts/form-text.ts";
import { formatBytes } from "../parts/format.ts";
import { Button } from "../parts/icons.tsx";

interface FormDialogProps {
  readonly title: string;
  readonly action: string;
  readonly onSubmit: (form: FormData) => void;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

function FormDialog({ title, action, onSubmit, onClose, children }: FormDialogProps): VNode {
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useLayoutEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog class="dialog" ref={dialog} aria-labelledby={titleId} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          onSubmit(new FormData(event.currentTarget));
          dialog.current?.close();
        }}
      >
        <h2 id={titleId}>{title}</h2>
        {children}
        <div class="row end">
          <Button label="Cancel" kind="quiet" onClick={() => dialog.current?.close()} />
          <button class="button primary">{action}</button>
        </div>
      </form>
    </dialog>
  );
}

export interface DeleteDialogProps {
  readonly model: ModelStatus;
  readonly onDelete: () => void;
  readonly onClose: () => void;
}

export function DeleteDialog({ model, onDelete, onClose }: DeleteDialogProps): VNode {
  const bytes = model.file_bytes === undefined ? "" : ` (${formatBytes(model.file_bytes)})`;
  return (
    <FormDialog title={`Delete ${model.name}?`} action="Delete" onSubmit={onDelete} onClose={onClose}>
      <p class="anywhere">
        {`Unloads the model and deletes ${model.file ?? "its file"}${bytes} from the worker's disk. Using it again requires a new download.`}
      </p>
    </FormDialog>
  );
}

export interface SwapDialogProps {
  readonly model: ModelStatus;
  /** Names of the worker's other models, as suggestions. */
  readonly others: readonly string[];
  readonly onSwap: (reference: string, unloadFirst: boolean) => void;
  readonly onClose: () => void;
}

export function SwapDialog({ model, others, onSwap, onClose }: SwapDialogProps): VNode {
  const listId = useId();
  return (
    <FormDialog
      title={`Swap the file of ${model.name}`}
      action="Swap"
      onSubmit={(form) => {
        const reference = formText(form, "reference");
        if (reference !== "") onSwap(reference, form.get("unload-first") !== null);
      }}
      onClose={onClose}
    >
      <label class="field">
        <span>File, model or reference</span>
        <input
          class="input mono"
          name="reference"
          list={listId}
          maxLength={4_096}
          autocomplete="off"
          required
          autofocus
        />
      </label>
      <datalist id={listId}>
        {others.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <p class="small muted">
        A file in the models folder, the name of another model, or a reference to download. New jobs use it once it is
        loaded; the old file is unloaded when its last job ends.
      </p>
      <label class="row small">
        <input type="checkbox" name="unload-first" /> Unload the old file first if both do not fit into memory
      </label>
    </FormDialog>
  );
}
