// Owns the thread in which PDFs are read: PDF.js's own, as a file of this page.
import "pdfjs-dist/legacy/build/pdf.worker.min.mjs";
