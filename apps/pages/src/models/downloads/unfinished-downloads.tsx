// Owns the rows of downloads that run or are unfinished, and that no other row of the page shows.
import type { VNode } from "preact";
import { Act, OfferButton, OfferState, type Offers } from "./download-action.tsx";
import { isUnfinished } from "./downloads.ts";

export function UnfinishedDownloads({ offers }: { readonly offers: Offers }): VNode | null {
  const { downloads } = offers;
  const elsewhere = downloads.shown.value;
  const rest = downloads.all.value.filter((one) => isUnfinished(one) && !elsewhere.has(one.reference ?? ""));
  if (rest.length === 0) return null;
  return (
    <ul class="models" aria-label="Unfinished downloads">
      {rest.map(({ name, reference }) => (
        <li class="model offer" key={reference ?? name} data-download={reference ?? name}>
          <div class="spread">
            <h4 class="anywhere">{name}</h4>
            {reference === undefined ? (
              <Act
                label="Remove"
                what={name}
                asking={downloads.view(name).asking}
                onClick={() => downloads.remove(name)}
              />
            ) : (
              <OfferButton {...{ offers, reference, title: name, model: undefined }} />
            )}
          </div>
          {reference === undefined ? (
            <p class="small muted">Not finished, and its origin is not known.</p>
          ) : (
            <>
              <p class="small muted mono anywhere">{reference}</p>
              <OfferState {...{ offers, reference, title: name }} />
            </>
          )}
        </li>
      ))}
    </ul>
  );
}
