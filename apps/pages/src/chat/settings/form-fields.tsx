// Owns the fields of the settings dialog: numbers, texts, and the switches for thinking.
import type { VNode } from "preact";
import { settingLabels } from "../../wire/setting-labels.ts";
import type { FieldName } from "./draft.ts";
import { numberFields, type NumberName } from "./fields.ts";
import { SettingField, type SettingFieldProps } from "./setting-field.tsx";
import type { SettingsForm } from "./settings-form.ts";

interface FieldProps {
  readonly form: SettingsForm;
}

export function NumberSetting({ form, name }: FieldProps & { readonly name: NumberName }): VNode {
  const { hint = "", fallback, whole } = numberFields[name];
  return (
    <SettingField {...common(form, name)} label={settingLabels[name]} hint={hint}>
      {(field) => (
        <input
          {...field}
          class="input numbers"
          inputMode={whole === true ? "numeric" : "decimal"}
          autocomplete="off"
          placeholder={fallback.toString()}
          value={form.draft.value[name]}
          onInput={(event) => {
            form.set(name, event.currentTarget.value);
            // Check while the visitor types: on blur, the problem's text would move a button away at the moment of the click.
            form.check(name);
          }}
        />
      )}
    </SettingField>
  );
}

interface TextProps extends FieldProps {
  readonly name: "system" | "stop" | "jsonSchema" | "tools" | "others";
  readonly label: string;
  readonly hint: string;
  readonly placeholder: string;
  readonly rows: number;
  readonly mono?: boolean;
}

export function TextSetting({ form, name, label, hint, placeholder, rows, mono = false }: TextProps): VNode {
  return (
    <SettingField {...common(form, name)} label={label} hint={hint}>
      {(field) => (
        <textarea
          {...field}
          class={mono ? "input mono small" : "input"}
          rows={rows}
          spellcheck={!mono}
          placeholder={placeholder}
          value={form.draft.value[name]}
          onInput={(event) => form.set(name, event.currentTarget.value)}
        />
      )}
    </SettingField>
  );
}

export function ThinkingSetting({ form }: FieldProps): VNode {
  const hint = "Whether the model thinks before it answers: slower, but better at hard questions.";
  return (
    <SettingField {...common(form, "enabled")} label={settingLabels.enable_thinking} hint={hint}>
      {(field) => (
        <select
          {...field}
          class="choice"
          value={form.draft.value.enabled}
          onChange={(event) => form.set("enabled", event.currentTarget.value)}
        >
          <option value="">The model's default</option>
          <option value="on">On</option>
          <option value="off">Off</option>
        </select>
      )}
    </SettingField>
  );
}

export function EffortSetting({ form }: FieldProps): VNode {
  const hint = "How much the model thinks; most models know low, medium and high.";
  return (
    <SettingField {...common(form, "effort")} label={settingLabels.reasoning_effort} hint={hint}>
      {(field) => (
        <>
          <input
            {...field}
            class="input"
            list="setting-efforts"
            autocomplete="off"
            placeholder="the model's default"
            value={form.draft.value.effort}
            onInput={(event) => form.set("effort", event.currentTarget.value)}
          />
          <datalist id="setting-efforts">
            <option value="low" />
            <option value="medium" />
            <option value="high" />
          </datalist>
        </>
      )}
    </SettingField>
  );
}

function common(form: SettingsForm, name: FieldName): Pick<SettingFieldProps, "id" | "problem" | "onReset"> {
  return {
    id: `setting-${name}`,
    problem: form.problems.value[name],
    onReset: form.draft.value[name] === "" ? undefined : () => form.reset(name),
  };
}
