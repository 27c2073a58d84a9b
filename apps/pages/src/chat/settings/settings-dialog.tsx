// Owns the dialog for a conversation's settings. An empty field is the worker's default.
import { useComputed, useSignal } from "@preact/signals";
import type { ChatAbilities } from "@waggle/protocol";
import type { VNode } from "preact";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { Button } from "../../parts/icons.tsx";
import { TokenButton } from "../../parts/token-dialog.tsx";
import { usePage } from "../page.ts";
import { fieldNames, type FieldName } from "./fields.ts";
import { reasoningSwitches } from "./settings.ts";
import { Setting } from "./setting.tsx";
import { createSettingsForm, type SettingsForm } from "./settings-form.ts";
import "./settings.css";

const budget: FieldName = "thinking_budget_tokens";

export interface SettingsDialogProps {
  /** Abilities of the model that answers; undefined while they are unknown. */
  readonly abilities: ChatAbilities | undefined;
  readonly onClose: () => void;
}

export function SettingsDialog({ abilities, onClose }: SettingsDialogProps): VNode {
  const { api, chat, conversations } = usePage();
  const settings = useComputed(() => conversations.current.value.settings);
  const dialog = useRef<HTMLDialogElement>(null);
  const form = useMemo(() => createSettingsForm(settings), [settings]);
  const asDefault = useSignal(false);
  useLayoutEffect(() => dialog.current?.showModal(), []);
  const has = reasoningSwitches(abilities);
  const reasoning = (["enabled", "effort"] as const).filter((name) => has[name]);
  const groups: readonly (readonly [title: string, ...names: FieldName[]])[] = [
    ["Reasoning", ...reasoning, ...(has.budget ? [budget] : [])],
    ["Stop strings and JSON", "stop", "jsonSchema"],
    ["Tools", "tools"],
    ["Other parameters", "others"],
  ];

  function save(event: SubmitEvent): void {
    event.preventDefault();
    const read = form.read();
    if (read === undefined) return void setTimeout(showFirstProblem);
    // The message box has the switches of these tools.
    const { mcpTools } = settings.peek();
    chat.configure({ ...read, ...(mcpTools === undefined ? {} : { mcpTools }) }, asDefault.peek());
    dialog.current?.close();
  }

  /** Call after the problem's text is drawn. */
  function showFirstProblem(): void {
    dialog.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
  }

  return (
    <dialog class="dialog wide" ref={dialog} aria-labelledby="settings-title" onClose={onClose}>
      <form onSubmit={save} noValidate>
        <div class="spread wrap">
          <h2 id="settings-title">Settings of this conversation</h2>
          <TokenButton api={api} />
        </div>
        <Setting form={form} name="system" />
        <div class="settings">
          {fieldNames.map((name) => name !== budget && <Setting key={name} form={form} name={name} />)}
        </div>
        <div>
          {groups.map(
            ([title, ...names]) => names.length > 0 && <Group key={title} form={form} title={title} names={names} />,
          )}
        </div>
        <div class="settings-end">
          <label class="row check small">
            <input
              type="checkbox"
              checked={asDefault.value}
              onChange={(event) => (asDefault.value = event.currentTarget.checked)}
            />{" "}
            New conversations begin with these settings
          </label>
          <div class="row end">
            <Button label="Reset all" kind="quiet" onClick={form.resetAll} />
            <Button label="Cancel" kind="quiet" onClick={() => dialog.current?.close()} />
            <button class="button primary">Save</button>
          </div>
        </div>
      </form>
    </dialog>
  );
}

interface GroupProps {
  readonly form: SettingsForm;
  readonly title: string;
  readonly names: readonly FieldName[];
}

/** A group of fields. The group is closed at first, unless one of its fields is set or invalid. */
function Group({ form, title, names }: GroupProps): VNode {
  const set = names.filter((name) => form.draft.value[name] !== "").length;
  const wrong = names.some((name) => form.problems.value[name] !== undefined);
  const open = useSignal(set > 0);
  return (
    <details class="group" open={open.value || wrong} onToggle={(event) => (open.value = event.currentTarget.open)}>
      <summary>
        {title}
        {set > 0 && <span class="badge">{`${set} set`}</span>}
      </summary>
      <div class="settings">
        {names.map((name) => (
          <Setting key={name} form={form} name={name} />
        ))}
      </div>
    </details>
  );
}
