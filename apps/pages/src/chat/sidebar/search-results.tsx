// Owns the hits of a search in all conversations.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { formatCounted } from "../../parts/format.ts";
import { dayWords } from "./group-heads.ts";
import { usePage } from "../page.ts";
import type { SearchHit } from "../storage/library.ts";

/** Time from the last letter until the search. */
const waitMs = 150;

export function SearchResults({ words }: { readonly words: string }): VNode {
  const { library, show } = usePage();
  const hits = useSignal<readonly SearchHit[] | undefined>(undefined);
  const failed = useSignal("");
  useEffect(() => {
    const newer = new AbortController();
    const timer = setTimeout(() => {
      library.search(words, newer.signal).then(
        (found) => {
          if (newer.signal.aborted) return;
          hits.value = found;
          failed.value = "";
        },
        (error: unknown) => (failed.value = `Cannot search: ${String(error)}`),
      );
    }, waitMs);
    return () => {
      clearTimeout(timer);
      newer.abort();
    };
  }, [words, library]);

  const found = hits.value;
  return (
    <div class="conversation-list">
      <p class="group-name small muted" role="status">
        {failed.value !== "" ? failed.value : found === undefined ? "Searching…" : countWords(found.length)}
      </p>
      <ul>
        {(found ?? []).map(({ head: { id, title, updatedAt }, message, found: { before, match, after } }) => {
          const hit = (
            <>
              {before}
              <mark>{match}</mark>
              {after}
            </>
          );
          return (
            <li key={id} class="entry">
              <button type="button" class="entry-title found" title={title} onClick={() => show(id, message?.id)}>
                <span class="found-title">{message === undefined ? hit : title}</span>
                <span class="small muted">
                  {dayWords(updatedAt, Date.now())}
                  {message !== undefined && (
                    <>
                      {message.role === "user" ? " · You: " : " · Answer: "}
                      {hit}
                    </>
                  )}
                </span>
              </button>
            </li>
          );
        })}
      </ul>
    </div>
  );
}

function countWords(count: number): string {
  return count === 0 ? "Nothing found" : `Found in ${formatCounted(count, "conversation")}`;
}
