import { useEffect } from "react";

/** The tab's title: what is shown, then the product. */
export function useTitle(...parts: (string | undefined)[]): void {
  const title = [...parts.filter(Boolean), "Headrace"].join(" · ");
  useEffect(() => {
    document.title = title;
  }, [title]);
}
