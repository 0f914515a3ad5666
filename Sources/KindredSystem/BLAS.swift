/// Products of matrices by OpenBLAS.
package enum BLAS {}
