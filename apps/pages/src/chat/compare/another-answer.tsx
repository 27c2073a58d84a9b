// Owns the form that requests another answer to the same message, with settings for this answer only.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { liveAnswer, type Conversation } from "../conversation/conversation.ts";
import { canChat } from "../model/model-choice.ts";
import type { ModelFacts } from "../model/model-facts.ts";
import { usePage } from "../page.ts";
import { numberFields } from "../settings/fields.ts";
import { reasoningSwitches } from "../settings/settings.ts";
import type { Overrides } from "./overrides.ts";

export interface AnotherAnswerProps {
  readonly conversation: Conversation;
  /** The only model of the worker, or the model of the conversation. */
  readonly facts: ModelFacts | undefined;
  readonly onAsk: (overrides: Overrides) => void;
}

const { min, max, fallback } = numberFields.temperature;

export function AnotherAnswer({ conversation, facts, onAsk }: AnotherAnswerProps): VNode {
  const { choice } = usePage();
  const { settings } = conversation;
  const wanted = useSignal(settings.model);
  const models = choice.models.value.filter(canChat);
  const model = choice.chosen(wanted.value);
  const switches = reasoningSwitches((model ?? facts)?.chat);

  function ask(event: SubmitEvent & { readonly currentTarget: HTMLFormElement }): void {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    const [temperature, thinking] = [fields.get("temperature") ?? "", fields.get("thinking") ?? ""];
    onAsk({
      ...(model === undefined ? {} : { model: model.name }),
      ...(temperature === "" ? {} : { temperature: Number(temperature) }),
      ...(thinking === "" ? {} : { thinking: thinking === "on" }),
    });
  }

  return (
    <form class="compare-form" aria-label="Another answer" onSubmit={ask}>
      {models.length > 0 && (
        <label class="field">
          <span>Model</span>
          <select class="choice" value={model?.name} onChange={(event) => (wanted.value = event.currentTarget.value)}>
            {models.map(({ name }) => (
              <option value={name}>{name}</option>
            ))}
          </select>
        </label>
      )}
      <label class="field">
        <span>Temperature</span>
        <input
          class="input numbers"
          type="number"
          name="temperature"
          {...{ min, max }}
          step="any"
          placeholder={String(settings.sampling.temperature ?? fallback)}
        />
      </label>
      {switches.enabled && (
        <label class="field">
          <span>Thinking</span>
          <select class="choice" name="thinking">
            <option value="">As in Settings</option>
            <option value="on">On</option>
            <option value="off">Off</option>
          </select>
        </label>
      )}
      <button class="button primary" disabled={liveAnswer(conversation) !== undefined}>
        Ask for another answer
      </button>
    </form>
  );
}
