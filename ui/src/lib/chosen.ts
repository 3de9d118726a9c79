/** Scrolls a row that is wider than the page so that what is chosen in it is in view. */
export function showChosen(row: HTMLElement | undefined): void {
  const chosen = row?.querySelector<HTMLElement>('[aria-selected="true"], [aria-pressed="true"], [aria-current="page"]');
  if (row && chosen) row.scrollLeft = chosen.offsetLeft - (row.clientWidth - chosen.offsetWidth) / 2;
}
