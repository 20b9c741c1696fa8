/** Pages of a list whose tokens only lead forward: the way back is the browser's own, or the first page. */
import { Link } from "@tanstack/react-router";
import { ButtonLink } from "./button";

interface TokenPagerProps {
  pageToken: string | undefined;
  nextPageToken: string | null | undefined;
}

export function TokenPager({ pageToken, nextPageToken }: TokenPagerProps) {
  if (!pageToken && !nextPageToken) return null;
  return (
    <nav aria-label="Pages" className="flex items-center justify-end gap-2 border-t border-line px-4 py-2">
      {pageToken && (
        <ButtonLink to="." search={(previous: object) => ({ ...previous, page_token: undefined })} icon="back">
          First page
        </ButtonLink>
      )}
      {nextPageToken && (
        <ButtonLink to="." search={(previous: object) => ({ ...previous, page_token: nextPageToken })}>
          Next page
        </ButtonLink>
      )}
    </nav>
  );
}

interface NumberPagerProps {
  page: number;
  pageSize: number;
  total: number;
}

export function NumberPager({ page, pageSize, total }: NumberPagerProps) {
  const pages = Math.max(1, Math.ceil(total / pageSize));
  if (pages === 1) return null;
  const step = (to: number, label: string) =>
    to >= 1 && to <= pages ? (
      <Link
        to="."
        search={(previous: object) => ({ ...previous, page: to === 1 ? undefined : to })}
        className="rounded-md px-2 py-1 font-medium hover:bg-raised"
      >
        {label}
      </Link>
    ) : (
      <span className="px-2 py-1 text-ink-3">{label}</span>
    );
  return (
    <nav aria-label="Pages" className="flex flex-wrap items-center justify-between gap-2 border-t border-line px-4 py-2">
      <span className="text-xs text-ink-3">
        <span className="num">
          {(page - 1) * pageSize + 1}–{Math.min(total, page * pageSize)}
        </span>{" "}
        of <span className="num">{total}</span>
      </span>
      <span className="flex items-center gap-1">
        {step(page - 1, "Previous")}
        {step(page + 1, "Next")}
      </span>
    </nav>
  );
}
