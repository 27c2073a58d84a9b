// Owns the thread that reads PDFs: makes PDF.js's worker a file of this page.
import "pdfjs-dist/legacy/build/pdf.worker.min.mjs";
