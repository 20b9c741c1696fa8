import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// Where `npm run dev` finds a control plane; the built bundle always talks to its own origin.
const server = process.env.HEADRACE_SERVER ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react(), tailwindcss()],
  build: {
    // Nothing may be inlined as a data: URL, so that the page runs under `default-src 'self'`.
    assetsInlineLimit: 0,
    // The preload polyfill is an inline script in some browsers; all supported ones have modulepreload.
    modulePreload: { polyfill: false },
    // One bundle (about 175 KB gzipped) and, apart, the chart library: the console is served from next door.
    chunkSizeWarningLimit: 600,
  },
  server: { proxy: { "/v1": server, "/openapi.json": server } },
  test: { environment: "node", include: ["src/**/*.test.ts"] },
});
