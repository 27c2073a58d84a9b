// Owns scrolling to one turn of the shown conversation and marking it.

const markedMs = 3_000;

export function pointAt(turnId: string): void {
  // Two frames later, the transcript is drawn and has scrolled to its end.
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      const turn = document.querySelector<HTMLElement>(`[data-turn="${CSS.escape(turnId)}"]`);
      if (turn === null) return;
      turn.scrollIntoView({ block: "center" });
      turn.classList.add("pointed");
      setTimeout(() => turn.classList.remove("pointed"), markedMs);
    }),
  );
}
