// Owns the settings of a conversation: the system prompt and the sampling. An empty field is the worker's default.
import type { VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { formText } from "../parts/form-text.ts";
import { samplingNames } from "./conversation.ts";
import type { SamplingName, Settings } from "./conversation.ts";

export interface SettingsDialogProps {
  readonly settings: Settings;
  readonly onSave: (settings: Settings) => void;
  readonly onClose: () => void;
}

interface Field {
  readonly label: string;
  /** The worker's own value. */
  readonly fallback: string;
  readonly min: number;
  readonly max: number;
  readonly step: string;
}

const fields: Readonly<Record<SamplingName, Field>> = {
  temperature: { label: "Temperature", fallback: "0.8", min: 0, max: 2, step: "0.05" },
  top_p: { label: "Top-p", fallback: "0.95", min: 0, max: 1, step: "0.01" },
  top_k: { label: "Top-k", fallback: "40", min: 0, max: 1_000_000, step: "1" },
  min_p: { label: "Min-p", fallback: "0.05", min: 0, max: 1, step: "0.01" },
  repeat_penalty: { label: "Repeat penalty", fallback: "1", min: 0.01, max: 10, step: "0.01" },
  max_tokens: { label: "Longest answer, tokens", fallback: "to the context's end", min: 1, max: 1_048_576, step: "1" },
  seed: { label: "Seed", fallback: "random", min: -1, max: 4_294_967_295, step: "1" },
};

export function SettingsDialog({ settings, onSave, onClose }: SettingsDialogProps): VNode {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => dialog.current?.showModal(), []);

  function save(event: SubmitEvent): void {
    event.preventDefault();
    onSave({ ...settings, ...read(new FormData(event.currentTarget as HTMLFormElement)) });
    dialog.current?.close();
  }

  return (
    <dialog class="dialog" ref={dialog} aria-labelledby="settings-title" onClose={onClose}>
      <form onSubmit={save}>
        <h2 id="settings-title">Settings of this conversation</h2>
        <label class="field">
          <span>System prompt</span>
          <textarea class="input" name="system" rows={4} placeholder="None">
            {settings.system}
          </textarea>
        </label>
        <div class="sampling">
          {samplingNames.map((name) => (
            <label class="field" key={name}>
              <span>{fields[name].label}</span>
              <input
                class="input numbers"
                type="number"
                name={name}
                min={fields[name].min}
                max={fields[name].max}
                step={fields[name].step}
                placeholder={fields[name].fallback}
                defaultValue={settings.sampling[name] === undefined ? "" : String(settings.sampling[name])}
              />
            </label>
          ))}
        </div>
        <p class="small muted">An empty field leaves it to the worker. New conversations begin with these.</p>
        <div class="row end">
          <button type="button" class="button quiet" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button class="button primary">Save</button>
        </div>
      </form>
    </dialog>
  );
}

function read(form: FormData): Pick<Settings, "system" | "sampling"> {
  const given = samplingNames.flatMap((name) => {
    const text = formText(form, name);
    return text === "" ? [] : [[name, Number(text)] as const];
  });
  return { system: formText(form, "system"), sampling: Object.fromEntries(given) };
}
