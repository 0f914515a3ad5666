/// Plain work on rows of floats in a buffer, a row being `dimensions` long.
package enum VectorRows {}
