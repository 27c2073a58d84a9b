// Owns the presets in the settings dialog: applies a preset to the fields, deletes it, and saves the fields as a preset.
import { useSignal } from "@preact/signals";
import type { TargetedKeyboardEvent, VNode } from "preact";
import { useRef } from "preact/hooks";
import { Button, IconButton } from "../../parts/icons.tsx";
import { draftOf, type Draft } from "./draft.ts";
import { presetNameChars, readPresets, storePreset } from "./preset-store.ts";
import type { SettingsForm } from "./settings-form.ts";

export function PresetRow({ form }: { readonly form: SettingsForm }): VNode {
  const stored = useSignal(readPresets());
  const naming = useSignal(false);
  const trouble = useSignal("");
  const row = useRef<HTMLDivElement>(null);
  const presets = stored.value;
  const applied = presets.find(({ settings }) => isSame(form.draft.value, draftOf(settings)));

  /** Keeps the focus in the row, whose elements change. */
  function show(isNaming: boolean): void {
    naming.value = isNaming;
    stored.value = readPresets();
    trouble.value = "";
    setTimeout(() => row.current?.querySelector<HTMLElement>("input, select, button")?.focus());
  }

  function save(name: string): void {
    const settings = form.read();
    if (name === "") trouble.value = "Type a name.";
    else if (settings === undefined) trouble.value = "A setting below is invalid: correct it first.";
    else if (storePreset(name, settings)) show(false);
    else trouble.value = "There is no room for more: delete a preset first.";
  }

  /** Uses no form element, because the dialog is a form already: Enter and Escape must not close it. */
  function onKeyDown(event: TargetedKeyboardEvent<HTMLInputElement>): void {
    if (event.key === "Enter") save(event.currentTarget.value.trim());
    else if (event.key === "Escape") show(false);
    else return;
    event.preventDefault();
  }

  return (
    <div ref={row} class="row preset">
      {naming.value ? (
        <>
          <input
            class="input"
            aria-label="Name of the preset"
            placeholder="Name, then Enter"
            maxLength={presetNameChars}
            autocomplete="off"
            defaultValue={applied?.name}
            onKeyDown={onKeyDown}
          />
          <IconButton
            icon="check"
            label="Save preset"
            onClick={() => save(row.current?.querySelector("input")?.value.trim() ?? "")}
          />
          <IconButton icon="close" label="Cancel the preset" onClick={() => show(false)} />
        </>
      ) : (
        <>
          {presets.length > 0 && (
            <select
              class="choice"
              aria-label="Preset"
              value={applied?.name ?? ""}
              onChange={({ currentTarget: { value } }) => {
                const chosen = presets.find(({ name }) => name === value);
                if (chosen !== undefined) form.replace(draftOf(chosen.settings));
              }}
            >
              <option value="">Choose a preset</option>
              {presets.map(({ name }) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          )}
          {applied !== undefined && (
            <IconButton
              icon="trash"
              label={`Delete the preset ${applied.name}`}
              onClick={() => {
                storePreset(applied.name, undefined);
                show(false);
              }}
            />
          )}
          <Button label="Save as preset…" onClick={() => show(true)} />
        </>
      )}
      {trouble.value !== "" && (
        <p class="setting-problem small" role="alert">
          {trouble.value}
        </p>
      )}
    </div>
  );
}

function isSame(draft: Draft, other: Draft): boolean {
  return (Object.keys(draft) as (keyof Draft)[]).every((name) => draft[name].trim() === other[name].trim());
}
