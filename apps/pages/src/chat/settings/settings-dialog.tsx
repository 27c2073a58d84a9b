// Owns the dialog for a conversation's settings. An empty field is the worker's default.
import { useSignal, type ReadonlySignal } from "@preact/signals";
import type { ChatAbilities } from "@waggle/protocol";
import type { ComponentChildren, VNode } from "preact";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { TokenButton } from "../../parts/token-dialog.tsx";
import type { Api } from "../../wire/api.ts";
import { settingLabels } from "../../wire/setting-labels.ts";
import { McpSetting } from "../mcp/mcp-setting.tsx";
import { toolsExample } from "../tool-calls/tool-list.ts";
import type { FieldName } from "./draft.ts";
import { fieldNames, otherNames } from "./fields.ts";
import { EffortSetting, NumberSetting, TextSetting, ThinkingSetting } from "./form-fields.tsx";
import { PresetRow } from "./preset-row.tsx";
import type { PresetStore } from "./preset-store.ts";
import { reasoningSwitches, type Settings } from "./settings.ts";
import { createSettingsForm, type SettingsForm } from "./settings-form.ts";
import "./settings.css";

export interface SettingsDialogProps {
  readonly api: Api;
  readonly presets: PresetStore;
  readonly settings: ReadonlySignal<Settings>;
  /** Abilities of the model that answers; undefined while they are unknown. */
  readonly chat: ChatAbilities | undefined;
  readonly onSave: (settings: Settings, asDefault: boolean) => void;
  readonly onClose: () => void;
}

export function SettingsDialog({ api, presets, settings, chat, onSave, onClose }: SettingsDialogProps): VNode {
  const dialog = useRef<HTMLDialogElement>(null);
  const form = useMemo(() => createSettingsForm(settings), [settings]);
  const asDefault = useSignal(false);
  const mcpTools = useSignal(settings.peek().mcpTools === true);
  useLayoutEffect(() => dialog.current?.showModal(), []);

  function save(event: SubmitEvent): void {
    event.preventDefault();
    const read = form.read();
    if (read === undefined) return void setTimeout(showFirstProblem);
    onSave({ ...read, ...(mcpTools.peek() ? { mcpTools: true } : {}) }, asDefault.peek());
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
          <div class="row end">
            <PresetRow form={form} store={presets} />
            <TokenButton api={api} />
          </div>
        </div>
        <TextSetting
          form={form}
          name="system"
          label="System prompt"
          hint="Instructions for the model. An empty field has the server's default, shown in gray."
          placeholder="None"
          rows={3}
        />
        <Fields form={form} chat={chat} />
        <McpSetting api={api} chosen={mcpTools} />
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
            <button type="button" class="button quiet" onClick={form.resetAll}>
              Reset all
            </button>
            <button type="button" class="button quiet" onClick={() => dialog.current?.close()}>
              Cancel
            </button>
            <button class="button primary">Save</button>
          </div>
        </div>
      </form>
    </dialog>
  );
}

function Fields({ form, chat }: Pick<SettingsDialogProps, "chat"> & { readonly form: SettingsForm }): VNode {
  const has = reasoningSwitches(chat);
  const budget = "thinking_budget_tokens";
  return (
    <>
      <div class="settings">
        {fieldNames.map((name) => name !== budget && <NumberSetting key={name} form={form} name={name} />)}
      </div>
      <div>
        {(has.enabled || has.effort || has.budget) && (
          <Group form={form} title="Reasoning" names={["enabled", "effort", budget]}>
            {has.enabled && <ThinkingSetting form={form} />}
            {has.effort && <EffortSetting form={form} />}
            {has.budget && <NumberSetting form={form} name={budget} />}
          </Group>
        )}
        <Group form={form} title="Stop strings and JSON" names={["stop", "jsonSchema"]}>
          <TextSetting
            form={form}
            name="stop"
            label={settingLabels.stop}
            hint="Up to four, one on each line: the answer ends before any of them. \n is a line break."
            placeholder="None"
            rows={3}
            mono
          />
          <TextSetting
            form={form}
            name="jsonSchema"
            label={settingLabels.json_schema}
            hint="The answer is JSON that fits this schema."
            placeholder={'{"type": "object", "properties": {…}}'}
            rows={5}
            mono
          />
        </Group>
        <Group form={form} title="Tools" names={["tools"]}>
          <TextSetting
            form={form}
            name="tools"
            label={settingLabels.tools}
            hint="Functions that the model may call, as a JSON list in OpenAI's format. The chat shows each call, and you type in its result."
            placeholder={toolsExample}
            rows={8}
            mono
          />
        </Group>
        <Group form={form} title="Other parameters" names={["others"]}>
          <TextSetting
            form={form}
            name="others"
            label="Parameters as JSON"
            hint={`Fields of a request: ${otherNames.join(", ")}.`}
            placeholder={'{"repeat_penalty": 1.1}'}
            rows={3}
            mono
          />
        </Group>
      </div>
    </>
  );
}

interface GroupProps {
  readonly form: SettingsForm;
  readonly title: string;
  readonly names: readonly FieldName[];
  readonly children: ComponentChildren;
}

/** A group of fields. The group is closed at first, unless one of its fields is set or invalid. */
function Group({ form, title, names, children }: GroupProps): VNode {
  const set = names.filter((name) => form.draft.value[name] !== "").length;
  const wrong = names.some((name) => form.problems.value[name] !== undefined);
  const open = useSignal(set > 0);
  return (
    <details class="group" open={open.value || wrong} onToggle={(event) => (open.value = event.currentTarget.open)}>
      <summary>
        {title}
        {set > 0 && <span class="badge">{`${set} set`}</span>}
      </summary>
      <div class="settings">{children}</div>
    </details>
  );
}
