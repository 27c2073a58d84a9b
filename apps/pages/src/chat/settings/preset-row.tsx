// Owns the presets in the settings dialog: applies a preset to the fields, and saves the fields as a preset.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { IconButton } from "../../parts/icons.tsx";
import { presetNameChars, type PresetStore } from "./preset-store.ts";
import { builtInPresets, isIn, withPreset, type Preset } from "./presets.ts";
import type { SettingsForm } from "./settings-form.ts";

export interface PresetRowProps {
  readonly form: SettingsForm;
  readonly store: PresetStore;
}

export function PresetRow({ form, store }: PresetRowProps): VNode {
  const own = store.presets.value;
  return (
    <section class="stack tight presets" aria-labelledby="presets-title">
      <h3 id="presets-title" class="strong">
        Presets
      </h3>
      <ul class="row">
        {builtInPresets.map((preset) => (
          <PresetItem key={preset.name} form={form} preset={preset} />
        ))}
        {own.map((preset) => (
          <PresetItem
            key={`own-${preset.name}`}
            form={form}
            preset={preset}
            onDelete={() => store.remove(preset.name)}
          />
        ))}
      </ul>
      <AddPreset form={form} store={store} />
    </section>
  );
}

interface PresetItemProps {
  readonly form: SettingsForm;
  readonly preset: Preset;
  readonly onDelete?: () => void;
}

function PresetItem({ form, preset, onDelete }: PresetItemProps): VNode {
  return (
    <li class="row preset">
      <button
        type="button"
        class="button tiny"
        title={preset.hint}
        aria-pressed={isIn(form.draft.value, preset)}
        onClick={() => form.replace(withPreset(form.draft.peek(), preset))}
      >
        {preset.name}
      </button>
      {onDelete !== undefined && (
        <IconButton icon="trash" label={`Delete the preset ${preset.name}`} onClick={onDelete} />
      )}
    </li>
  );
}

/** Uses no form element, because the dialog is a form already. Enter in the name's field must not close the dialog. */
function AddPreset({ form, store }: PresetRowProps): VNode {
  const name = useSignal("");
  const trouble = useSignal<string | undefined>(undefined);

  function add(): void {
    const wanted = name.peek().trim();
    if (wanted === "") return;
    const settings = form.read();
    if (settings === undefined) trouble.value = "A setting below is invalid: correct it first.";
    else if (builtInPresets.some((preset) => preset.name === wanted)) trouble.value = "That name is taken.";
    else if (!store.save(wanted, settings)) trouble.value = "There is no room for more: delete a preset first.";
    else {
      trouble.value = undefined;
      name.value = "";
    }
  }

  return (
    <div class="row preset-add">
      <input
        class="input"
        aria-label="Name of a new preset"
        placeholder="Name of a new preset"
        maxLength={presetNameChars}
        autocomplete="off"
        value={name.value}
        onInput={(event) => (name.value = event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter") return;
          event.preventDefault();
          add();
        }}
      />
      <button type="button" class="button" disabled={name.value.trim() === ""} onClick={add}>
        Add preset
      </button>
      {trouble.value !== undefined && (
        <p class="setting-problem small" role="alert">
          {trouble.value}
        </p>
      )}
    </div>
  );
}
