package main

// ballast is memory that is never touched, and so takes none of the host's. The Go run time collects
// garbage when as much has gathered as is in use; with few tenants that is 4 MB, and collecting that
// often is a tenth of the work on a small message. It counts the ballast as in use.
type ballast []byte

func newBallast() ballast { return make(ballast, 16<<20) }
