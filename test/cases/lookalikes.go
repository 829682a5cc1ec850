package cases

import "strings"

// LookAlikes returns ways to write courseware.nl, the platform's domain, that a program may
// read as that name when it maps names by UTS 46.
func LookAlikes() []string {
	all := []string{
		"ｃｏｕｒｓｅｗａｒｅ.ｎｌ", "ＣＯＵＲＳＥＷＡＲＥ．ＮＬ", "courſeware.nl", "courſeware。nl", "𝒄𝒐𝒖𝒓𝒔𝒆𝒘𝒂𝒓𝒆.𝒏𝒍", "ⓒⓞⓤⓡⓢⓔⓦⓐⓡⓔ.ⓝⓛ",
		"courseware。nl", "courseware｡nl", "courseware．nl", "courseware․nl",
	}
	for _, ignored := range []string{
		"\u00ad", "\u200b", "\u200c", "\u200d", "\u2060", "\u2064", "\ufeff", "\u034f", "\u180e", "\u115f", "\u3164", "\uffa0", "\ufe0f", "\U000e0100",
	} {
		all = append(all, "course"+ignored+"ware.nl", ignored+"courseware.nl")
	}
	return append(all, strings.ReplaceAll(all[0], "ｗ", "ｗ\u200d\u00ad"))
}
