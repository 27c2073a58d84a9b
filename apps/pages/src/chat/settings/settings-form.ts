// Owns the state of the settings dialog: typed texts, problems, and saving.
import { computed, signal, type ReadonlySignal } from "@preact/signals";
import { draftOf, readDraft, type Draft, type Problems } from "./draft.ts";
import type { FieldName } from "./fields.ts";
import { noSettings, type Settings } from "./settings.ts";

export interface SettingsForm {
  /** The typed texts, and the saved values of all other fields. */
  readonly draft: ReadonlySignal<Draft>;
  readonly problems: ReadonlySignal<Problems>;
  /** Removes the field's problem until the next check. */
  set(name: FieldName, text: string): void;
  resetAll(): void;
  /** Shows the field's problem, if there is one. */
  check(name: FieldName): void;
  /** Undefined if a field is invalid; each invalid field then shows its problem. */
  read(): Settings | undefined;
}

/** @param settings the saved settings, which another tab may change. Fields in which the visitor has typed override the saved settings. */
export function createSettingsForm(settings: ReadonlySignal<Settings>): SettingsForm {
  const saved = computed(() => draftOf(settings.value));
  const typed = signal<Partial<Draft>>({});
  const draft = computed<Draft>(() => ({ ...saved.value, ...typed.value }));
  const problems = signal<Problems>({});

  function put(wanted: Draft): void {
    const fields = Object.entries(wanted) as [FieldName, string][];
    typed.value = Object.fromEntries(fields.filter(([name, text]) => text !== saved.peek()[name]));
  }

  function set(name: FieldName, text: string): void {
    put({ ...draft.peek(), [name]: text });
    const { [name]: _, ...others } = problems.peek();
    problems.value = others;
  }

  return {
    draft,
    problems,
    set,
    resetAll() {
      put(draftOf(noSettings));
      problems.value = {};
    },
    check(name) {
      const problem = readDraft(draft.peek(), undefined).problems[name];
      if (problem !== undefined) problems.value = { ...problems.peek(), [name]: problem };
    },
    read() {
      const result = readDraft(draft.peek(), settings.peek().model);
      problems.value = result.problems;
      return Object.keys(result.problems).length === 0 ? result.settings : undefined;
    },
  };
}
