// Owns the rows of downloads that run or are unfinished, and that no other row of the page shows.
import type { VNode } from "preact";
import { ModelItem } from "../model-item.tsx";
import { OfferRow, RemoveButton, type Offers } from "./offer-row.tsx";

export function UnfinishedDownloads({ offers }: { readonly offers: Offers }): VNode | null {
  const { downloads } = offers.controls;
  const elsewhere = downloads.shown.value;
  const rest = downloads.all.value.filter(({ state, reference = "" }) => state !== "done" && !elsewhere.has(reference));
  if (rest.length === 0) return null;
  return (
    <ul class="models" aria-label="Unfinished downloads">
      {rest.map(({ name, reference }) =>
        reference === undefined ? (
          <ModelItem
            key={name}
            title={name}
            data-download={name}
            buttons={<RemoveButton {...{ offers }} title={name} wanted={name} disabled={downloads.view(name).asking} />}
            facts="Not finished, and its origin is not known."
          />
        ) : (
          <OfferRow
            key={reference}
            isRest
            {...{ offers, reference }}
            title={name}
            facts={reference}
            data-download={reference}
          />
        ),
      )}
    </ul>
  );
}
