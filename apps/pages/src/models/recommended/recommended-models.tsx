// Owns the recommended models for this machine: first the best ones, on demand all that fit. Each row has one button for what comes next.
import { useSignal } from "@preact/signals";
import type { RecommendedModel, RecommendedModels as Recommended } from "@waggle/protocol";
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { formatBytes } from "../../parts/format.ts";
import { OfferButton, OfferState, useShown, type Offers } from "../downloads/download-action.tsx";
import { doesFit, fewOf, markOf, recommendedWords } from "./recommended-words.ts";

type Answer = Recommended | "asking" | "failed";

export function RecommendedModels({ offers }: { readonly offers: Offers }): VNode {
  const answer = useSignal<Answer>("asking");
  const { api } = offers;

  /** Asks again each time the list is shown, because free memory changes. */
  async function ask(): Promise<void> {
    answer.value = "asking";
    try {
      const response = await api.request("/v1/hub/recommended");
      answer.value = response.ok ? ((await response.json()) as Recommended) : "failed";
    } catch {
      answer.value = "failed";
    }
  }
  useEffect(() => void ask(), [api]);

  if (answer.value === "asking") return <p class="small muted recommended-wait">Reading the list…</p>;
  if (answer.value === "failed") {
    return (
      <p class="small notice bad spread">
        The worker did not send the list.
        <button type="button" class="button tiny" onClick={() => void ask()}>
          Try again
        </button>
      </p>
    );
  }
  return <List models={answer.value.models} offers={offers} />;
}

function List({ models, offers }: { readonly models: readonly RecommendedModel[]; readonly offers: Offers }): VNode {
  const all = useSignal(false);
  const fitting = models.filter(doesFit);
  const few = fewOf(fitting);
  const mark = markOf(fitting);
  const more = fitting.length - few.length;
  if (fitting.length === 0) {
    return <p class="small muted">No model of the list fits into the free memory of this machine.</p>;
  }
  return (
    <>
      <ul class="models">
        {(all.value ? fitting : few).map((model) => (
          <Row key={model.reference} {...{ model, offers }} marked={model === mark} />
        ))}
      </ul>
      {more > 0 && (
        <button
          type="button"
          class="button tiny quiet more-models"
          aria-expanded={all.value}
          onClick={() => (all.value = !all.value)}
        >
          {all.value ? "Show fewer" : `Show ${more} more that fit`}
        </button>
      )}
    </>
  );
}

interface RowProps {
  readonly model: RecommendedModel;
  readonly offers: Offers;
  readonly marked: boolean;
}

function Row({ model, offers, marked }: RowProps): VNode {
  const { name, reference, bytes } = model;
  useShown(offers, reference);
  return (
    <li class="model offer" data-recommended={reference}>
      <div class="spread">
        <h4 class="row anywhere">
          {name}
          <span class="muted numbers size">{formatBytes(bytes)}</span>
          {marked && <span class="badge good">best for this machine</span>}
        </h4>
        <OfferButton {...{ offers, reference, title: name, model: model.model, primary: marked }} />
      </div>
      <p class="small muted anywhere">{recommendedWords(model).join(" · ")}</p>
      <OfferState {...{ offers, reference, title: name }} />
    </li>
  );
}
