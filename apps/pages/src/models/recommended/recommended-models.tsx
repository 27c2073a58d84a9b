// Owns the recommended models for this machine: first the best ones, on demand all that fit. Each row has one button for what comes next.
import { useSignal } from "@preact/signals";
import type { RecommendedModel, RecommendedModels as Recommended } from "@waggle/protocol";
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { formatBytes } from "../../parts/format.ts";
import { Button } from "../../parts/icons.tsx";
import { useAsked } from "../asked.ts";
import { OfferRow, type Offers } from "../downloads/offer-row.tsx";
import { doesFit, fewOf, markOf, recommendedWords } from "./recommended-words.ts";

const path = "/v1/hub/recommended";

export function RecommendedModels({ offers }: { readonly offers: Offers }): VNode {
  const { api } = offers.controls;
  const [answer, ask] = useAsked<Recommended>(api, "GET");
  // Asks again each time the list is shown, because free memory changes.
  useEffect(() => void ask(path), [api]);

  if (answer?.state === "found") return <List models={answer.found.models} offers={offers} />;
  if (answer?.state !== "failed") return <p class="small muted recommended-wait">Reading the list…</p>;
  return (
    <p class="small notice bad spread">
      The worker did not send the list.
      <Button label="Try again" onClick={() => void ask(path)} />
    </p>
  );
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
          <OfferRow
            key={model.reference}
            {...{ offers }}
            reference={model.reference}
            model={model.model}
            title={model.name}
            badges={
              <>
                <span class="muted numbers size">{formatBytes(model.bytes)}</span>
                {model === mark && <span class="badge good">best for this machine</span>}
              </>
            }
            facts={recommendedWords(model)}
            primary={model === mark}
            data-recommended={model.reference}
          />
        ))}
      </ul>
      {more > 0 && (
        <Button
          label={all.value ? "Show fewer" : `Show ${more} more that fit`}
          kind="tiny quiet more-models"
          aria-expanded={all.value}
          onClick={() => (all.value = !all.value)}
        />
      )}
    </>
  );
}
