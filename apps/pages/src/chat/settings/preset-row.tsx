// Owns the presets in the settings dialog: applies a preset to the fields, deletes it, and saves the fields as a preset.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { IconButton } from "../../parts/icons.tsx";
import { draftOf, type Draft } from "./draft.ts";
import { presetNameChars, type PresetStore } from "./preset-store.ts";
import type { SettingsForm } from "./settings-form.ts";

export interface PresetRowProps {
  readonly form: SettingsForm;
  readonly store: PresetStore;
}

export function PresetRow({ form, store }: PresetRowProps): VNode {
  const naming = useSignal(false);
  const saveAs = useRef<HTMLButtonElement>(null);
  const presets = store.presets.value;
  const applied = presets.find(({ settings }) => isSame(form.draft.value, draftOf(settings)));
  if (naming.value) {
    const close = (): void => {
      naming.value = false;
      setTimeout(() => saveAs.current?.focus());
    };
    return <PresetName form={form} store={store} name={applied?.name ?? ""} onClose={close} />;
  }
  return (
    <div class="row preset">
      {presets.length > 0 && (
        <>
          <label class="strong small" for="preset">
            Preset
          </label>
          <select
            id="preset"
            class="choice"
            value={applied?.name ?? ""}
            onChange={({ currentTarget: { value } }) => {
              const chosen = presets.find(({ name }) => name === value);
              if (chosen !== undefined) form.replace(draftOf(chosen.settings));
            }}
          >
            <option value="">None</option>
            {presets.map(({ name }) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </>
      )}
      {applied !== undefined && (
        <IconButton
          icon="trash"
          label={`Delete the preset ${applied.name}`}
          onClick={() => {
            store.remove(applied.name);
            saveAs.current?.focus();
          }}
        />
      )}
      <button ref={saveAs} type="button" class="button tiny" onClick={() => (naming.value = true)}>
        Save as preset…
      </button>
    </div>
  );
}

function isSame(draft: Draft, other: Draft): boolean {
  return (Object.keys(draft) as (keyof Draft)[]).every((name) => draft[name].trim() === other[name].trim());
}

interface PresetNameProps extends PresetRowProps {
  readonly name: string;
  readonly onClose: () => void;
}

/** Uses no form element, because the dialog is a form already. Enter and Escape in the name's field must not close the dialog. */
function PresetName({ form, store, name, onClose }: PresetNameProps): VNode {
  const box = useRef<HTMLInputElement>(null);
  const trouble = useSignal("");
  useEffect(() => box.current?.select(), []);

  function save(): void {
    const wanted = box.current?.value.trim() ?? "";
    if (wanted === "") return void box.current?.focus();
    const settings = form.read();
    if (settings === undefined) trouble.value = "A setting below is invalid: correct it first.";
    else if (store.save(wanted, settings)) onClose();
    else trouble.value = "There is no room for more: delete a preset first.";
  }

  return (
    <div class="row preset">
      <input
        ref={box}
        class="input"
        aria-label="Name of the preset"
        placeholder="Name of the preset"
        maxLength={presetNameChars}
        autocomplete="off"
        defaultValue={name}
        onKeyDown={(event) => {
          if (event.key !== "Enter" && event.key !== "Escape") return;
          event.preventDefault();
          if (event.key === "Enter") save();
          else onClose();
        }}
      />
      <button type="button" class="button tiny" onClick={save}>
        Save preset
      </button>
      <IconButton icon="close" label="Cancel the preset" onClick={onClose} />
      {trouble.value !== "" && (
        <p class="setting-problem small" role="alert">
          {trouble.value}
        </p>
      )}
    </div>
  );
}
