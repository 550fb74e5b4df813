// Runs before anything of the page's own: keeps what only an observer is told.
(() => {
  const seen = { fcp: null, lcp: null };
  Object.defineProperty(window, "__firstlight", { value: seen });
  const observe = (type, take) => {
    new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: true });
  };
  observe("paint", (entry) => {
    if (entry.name === "first-contentful-paint") seen.fcp = entry.startTime;
  });
  observe("largest-contentful-paint", (entry) => {
    seen.lcp = entry.startTime;
  });
})();
