module github.com/hale-go/hale/bench

go 1.26

require github.com/hale-go/hale v0.0.0

replace github.com/hale-go/hale => ../
