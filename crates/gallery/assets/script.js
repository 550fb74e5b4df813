// Says below the text what this page weighed and how long it took: the browser's own numbers.
(() => {
  "use strict";
  const place = document.getElementById("measured");
  if (!place) return;

  const measure = () => {
    const entries = performance.getEntriesByType("resource");
    const photographs = entries.filter((entry) => entry.name.includes("/photographs/"));
    const bytes = photographs.reduce((sum, entry) => sum + entry.encodedBodySize, 0);
    const last = photographs.reduce((latest, entry) => Math.max(latest, entry.responseEnd), 0);
    const [page] = performance.getEntriesByType("navigation");
    const protocol = page && page.nextHopProtocol ? ` / ${page.nextHopProtocol}` : "";
    const parts = [
      `${photographs.length} photographs`,
      `${(bytes / 1000).toFixed(0)} kB`,
      `${(last / 1000).toFixed(2)} s${protocol}`,
    ];
    place.textContent = parts.join(" / ").toUpperCase();
  };

  addEventListener("load", () => {
    measure();
    // Photographs further down load as they come near.
    new PerformanceObserver(measure).observe({ type: "resource" });
  });
})();
